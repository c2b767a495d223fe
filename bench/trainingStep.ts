/**
 * Milliseconds of a training step (forward, backward, clip, AdamW) of an ARPG with 64 tokens, on 2 threads:
 * `node dist/bench/trainingStep.js [TARGET] [STEPS] [--preset small|medium|wide] [--dropout RATE] [--recompute]`.
 * With `--products` also the floor: the step's matrix products alone, each with its operands as inputs, as the weights
 * of a step are. `python3 bench/trainingStep.py` does the same in PyTorch, and with `--against` the two by turns.
 */
import { parseArgs } from 'node:util';
import { arpgTeacherForced } from '../graphs/arpg.js';
import { fixSizes, sizesOf } from '../src/compiler/fixSizes.js';
import { countElements } from '../src/graph/dimension.js';
import { type Graph, inputNode, makeGraph, nodesOf } from '../src/graph/graph.js';
import type { OperationNode } from '../src/graph/node.js';
import { applyOp } from '../src/graph/op.js';
import { input } from '../src/graph/sources.js';
import { randomOrder } from '../src/sampling/order.js';
import { resolveTarget } from '../src/targets/resolveTarget.js';
import { floatTensor, intTensor, type Target } from '../src/targets/target.js';
import { initialState, releaseState } from '../src/training/trainingState.js';
import { ADAMW_DEFAULTS, trainingStep } from '../src/training/trainingStep.js';
import { arpgConfig, arpgFields } from '../test/support/arpg.js';

/** The networks measured, the same as in bench/trainingStep.py. */
const PRESETS: Readonly<
  Record<string, { batch: number; dim: number; layers: number; heads: number; vocabulary: number }>
> = {
  small: { batch: 32, dim: 256, layers: 8, heads: 4, vocabulary: 512 },
  medium: { batch: 16, dim: 384, layers: 12, heads: 6, vocabulary: 1024 },
  wide: { batch: 8, dim: 768, layers: 12, heads: 12, vocabulary: 4096 },
};
/** Times that each product runs; the fastest counts. */
const PRODUCT_RUNS = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: 'string', default: 'small' },
    dropout: { type: 'string', default: '0' },
    recompute: { type: 'boolean', default: false },
    products: { type: 'boolean', default: false },
  },
});
const [targetName = 'onnx', stepCount = '20'] = positionals;
const dropout = Number(values.dropout);
const preset = PRESETS[values.preset];
if (!preset) throw new RangeError(`--preset is one of ${Object.keys(PRESETS).join(', ')}`);
const { batch: size, dim, layers, heads, vocabulary } = preset;
const config = arpgFields(
  {
    dim,
    n_layer: layers,
    n_head: heads,
    vocab_size: vocabulary,
    num_classes: 10,
    block_size: 64,
    multiple_of: 256,
  },
  'bench',
);
const positions = config.block_size;

/** Tokens, classes and orders of one batch, the same in every step. */
function makeBatch() {
  const rows = Array.from({ length: size }, (_, row) => row);
  const tokens = rows.flatMap((row) =>
    Array.from({ length: positions }, (_, at) => (row * 37 + at * 11) % vocabulary),
  );
  const labels = rows.map((row) => row % 10);
  const orders = rows.flatMap((row) => randomOrder(positions, 1, row));
  return {
    ...(dropout > 0 && { dropout_key: intTensor([4], [1, 0, 1, 0]) }),
    tokens: intTensor([size, positions], tokens),
    class_ids: intTensor([size], labels),
    orders: intTensor([size, positions], orders),
  };
}

/** The matrix products of a compiled graph; of those with equal operands' shapes one, and how many there are. */
function productsOf(graph: Graph): readonly { readonly node: OperationNode; readonly count: number }[] {
  const found = new Map<string, { readonly node: OperationNode; readonly count: number }>();
  for (const node of nodesOf(graph)) {
    if (node.kind !== 'operation' || node.op.name !== 'matmul') continue;
    const key = JSON.stringify([node.inputs.map(({ shape }) => shape), node.attributes]);
    found.set(key, { node, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()];
}

/** Milliseconds of a product with random operands, the fastest of several runs. */
async function measureProduct(target: Target, { op, inputs, attributes }: OperationNode): Promise<number> {
  const shapes = inputs.map(({ shape }) => shape as readonly number[]);
  const operands = shapes.map((shape, index) => input(`operand.${index}`, 'f32', shape));
  const executable = await target.compile(
    makeGraph('product', operands, { product: applyOp(op, operands, attributes)[0]! }),
  );
  const feeds = Object.fromEntries(
    shapes.map((shape, index) => [
      `operand.${index}`,
      floatTensor(
        shape,
        Float32Array.from({ length: countElements(shape) }, () => Math.random() - 0.5),
      ),
    ]),
  );
  const times: number[] = [];
  for (let run = 0; run < PRODUCT_RUNS; run++) {
    const started = performance.now();
    const { product } = await executable.run(feeds);
    times.push(performance.now() - started);
    releaseState({ product: product! });
  }
  await executable.dispose();
  return Math.min(...times);
}

const lossGraph = arpgTeacherForced(arpgConfig(config), { dropout });
const target = await resolveTarget(targetName, { threads: 2 });
const batch = makeBatch();
const symbolic = trainingStep(lossGraph, ADAMW_DEFAULTS, { recompute: values.recompute });
const stepGraph = fixSizes(symbolic, sizesOf(symbolic, batch));
let compiled = stepGraph;
const executable = await target.compile(stepGraph, { onPass: (_, graph) => (compiled = graph) });
let state = initialState(lossGraph, stepGraph, ADAMW_DEFAULTS, 1);
const stateNames = stepGraph.inputs.map((tensor) => inputNode(tensor).name).filter((name) => name in state);
const outputs = ['loss', ...stateNames.map((name) => `next.${name}`)];
const times: number[] = [];
let loss = 0;
for (let step = 1; step <= Number(stepCount); step++) {
  const started = performance.now();
  const scalars = { learning_rate: floatTensor([], [1e-3]), step: floatTensor([], [step]) };
  const results = await executable.run({ ...batch, ...state, ...scalars }, outputs);
  loss = (await results.loss!.read()).data[0]!;
  releaseState(state);
  state = Object.fromEntries(stateNames.map((name) => [name, results[`next.${name}`]!]));
  times.push(performance.now() - started);
}
releaseState(state);
await executable.dispose();
const sorted = times.slice(1).sort((a, b) => a - b);
const at = (share: number) => sorted[Math.floor(sorted.length * share)]!.toFixed(1);
process.stdout.write(
  `${target.name}: median ${at(0.5)} ms a step, best ${at(0)} ms; loss ${loss.toFixed(4)} after ${stepCount} steps; peak memory ${Math.round((process.resourceUsage().maxRSS * 1024) / 1e6)} MB\n`,
);
if (values.products) {
  let floor = 0;
  for (const { node, count } of productsOf(compiled)) floor += count * (await measureProduct(target, node));
  process.stdout.write(`${target.name}: products alone ${floor.toFixed(1)} ms\n`);
}

/**
 * Milliseconds of a training step (forward, backward, clip, AdamW) of a small ARPG: dim 256, 8 layers, 4 heads,
 * vocabulary 512, 64 tokens, batch 32. `node dist/bench/trainingStep.js [TARGET] [STEPS] [DROPOUT] [recompute]` on
 * 2 threads; bench/trainingStep.py does the same in PyTorch.
 */
import { arpgTeacherForced } from '../graphs/arpg.js';
import { arpgConfig, arpgFields } from '../test/support/arpg.js';
import { randomOrder } from '../src/sampling/order.js';
import { resolveTarget } from '../src/targets/resolveTarget.js';
import { floatTensor, intTensor } from '../src/targets/target.js';
import { initialState, releaseState } from '../src/training/trainingState.js';
import { ADAMW_DEFAULTS, trainingStep } from '../src/training/trainingStep.js';

const BATCH = 32;
const [targetName = 'onnx', stepCount = '20', dropoutRate = '0', recompute] = process.argv.slice(2);
const dropout = Number(dropoutRate);
const config = arpgFields(
  { dim: 256, n_layer: 8, n_head: 4, vocab_size: 512, num_classes: 10, block_size: 64, multiple_of: 256 },
  'bench',
);
const positions = config.block_size;
const lossGraph = arpgTeacherForced(arpgConfig(config), { dropout });
const target = await resolveTarget(targetName, { threads: 2 });
const stepGraph = trainingStep(lossGraph, ADAMW_DEFAULTS, { recompute: recompute === 'recompute' });
const executable = await target.compile(stepGraph);
let state = initialState(lossGraph, stepGraph, ADAMW_DEFAULTS, 1);
const stateNames = Object.keys(state);
const outputs = ['loss', ...stateNames.map((name) => `next.${name}`)];
const rows = Array.from({ length: BATCH }, (_, row) => row);
const batch = {
  ...(dropout > 0 && { dropout_key: intTensor([4], [1, 0, 1, 0]) }),
  tokens: intTensor(
    [BATCH, positions],
    rows.flatMap((row) => Array.from({ length: positions }, (_, at) => (row * 37 + at * 11) % 512)),
  ),
  class_ids: intTensor(
    [BATCH],
    rows.map((row) => row % 10),
  ),
  orders: intTensor(
    [BATCH, positions],
    rows.flatMap((row) => randomOrder(positions, 1, row)),
  ),
};
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

/**
 * Where the time of a picture's tokens goes, by group of operations, from onnxruntime's own profile:
 * `node dist/bench/compare/profile.js MODEL [STEPS] [THREADS] [PRECISION]` prints an object of two tables.
 */
import { observe, type Span } from '../../src/inspect/observer.js';
import { load, sampleTokens } from '../../src/index.js';
import type { Precision } from './productsModel.js';

const [folder = 'digits', steps = '32', threads = '2', precision] = process.argv.slice(2) as [
  string?,
  string?,
  string?,
  Precision?,
];

/** Operations of onnxruntime by what they do; a fused product counts as a product, whatever it takes along. */
const GROUPS: readonly (readonly [string, RegExp])[] = [
  ['attention', /Attention|Softmax/],
  ['matrices', /MatMul|Gemm/],
  ['activations to 8 bits', /QuantizeLinear|ReduceMax|Abs|^Max$|Div/],
  ['norms', /Norm/],
  ['copies', /Concat|Transpose|Reshape|Gather|Slice|Split|Expand|Unsqueeze|Squeeze|Cast|Memcpy|Identity/],
  ['element by element', /./],
];

interface Share {
  milliseconds: number;
  calls: number;
}

function addTo(sums: Map<string, Share>, key: string, milliseconds: number): void {
  const sum = sums.get(key) ?? { milliseconds: 0, calls: 0 };
  sums.set(key, { milliseconds: sum.milliseconds + milliseconds, calls: sum.calls + 1 });
}

/** The tensor shapes of a span's inputs, as onnxruntime reports them: `[{ float: [2, 1, 1024] }, …]`. */
function shapesOf({ args }: Span): readonly (readonly number[])[] {
  const shapes = (args.input_type_shape ?? []) as readonly Readonly<Record<string, readonly number[]>>[];
  return shapes.flatMap((typed) => Object.values(typed));
}

/** Products of activations with each other belong to attention: both have heads, so four axes. */
function groupOf(span: Span): string {
  const operation = String(span.args.op_name);
  const isOfHeads =
    /MatMul/.test(operation) &&
    shapesOf(span)
      .slice(0, 2)
      .every(({ length }) => length === 4);
  return isOfHeads ? 'attention' : GROUPS.find(([, pattern]) => pattern.test(operation))![0];
}

const spans: Span[] = [];
const stopWatching = observe({ onSpan: (span) => void spans.push(span) });
const settings = { target: 'onnx', threads: Number(threads), ...(precision !== undefined && { precision }) };
const model = await load(folder, settings);
const options = { classes: [0], steps: Number(steps), guidance: 5, seed: 1, batch: 1 };
await sampleTokens(model, options);
const started = performance.now();
await sampleTokens(model, options);
const milliseconds = performance.now() - started;
await model.dispose();
stopWatching();

const isTimed = ({ start }: Span) => start >= started;
const kernels = spans.filter(
  (span) => span.category === 'onnxruntime' && span.args.op_name !== undefined && isTimed(span),
);
const runs = spans.filter((span) => span.category === 'run' && isTimed(span));
const groups = new Map<string, Share>();
const operations = new Map<string, Share>();
for (const span of kernels) {
  addTo(groups, groupOf(span), span.duration);
  addTo(operations, `${groupOf(span)}: ${span.args.op_name}`, span.duration);
}
const total = (own: readonly Span[]) => own.reduce((sum, { duration }) => sum + duration, 0);
groups.set('onnxruntime between them', { milliseconds: total(runs) - total(kernels), calls: runs.length });
groups.set("the sampler's JavaScript", { milliseconds: milliseconds - total(runs), calls: runs.length });
const table = (sums: ReadonlyMap<string, Share>) =>
  [...sums].map(([name, share]) => ({ name, ...share })).sort((a, b) => b.milliseconds - a.milliseconds);
const report = { milliseconds, groups: table(groups), operations: table(operations) };
process.stdout.write(`${JSON.stringify(report)}\n`);

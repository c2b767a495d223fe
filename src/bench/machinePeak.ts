import { input, linear, makeGraph } from '../dsl/index.js';
import { countElements } from '../graph/dimension.js';
import { floatTensor, type Target } from '../targets/target.js';
import { randomWeights } from './randomWeights.js';

/** Rows and sides of products, from one that any target can do to one that keeps all of a machine busy. */
const SIZES = [
  [64, 256],
  [256, 1024],
  [512, 4096],
] as const;
/** A product that takes as long tells enough; the next larger takes at least 32 times as long. */
const LONG_SECONDS = 0.1;
const REPETITIONS = 3;

/** Seconds of the fastest of some products of `rows × side` by `side × side` with a constant matrix. */
async function productSeconds(target: Target, rows: number, side: number): Promise<number> {
  const x = input('x', 'f32', [rows, side]);
  const graph = makeGraph('product', [x], { y: linear('product', x, side) });
  const executable = await target.compile(graph, { weights: randomWeights([graph], 1) });
  const shape = [rows, side];
  const values = floatTensor(shape, new Float32Array(countElements(shape)).fill(0.5));
  try {
    let fastest = Number.POSITIVE_INFINITY;
    // The first call prepares what others find ready.
    for (let repetition = 0; repetition <= REPETITIONS; repetition++) {
      const started = performance.now();
      const { y } = await executable.run({ x: values });
      // Devices are done when what they computed is there.
      await y!.read();
      y!.dispose();
      const seconds = (performance.now() - started) / 1000;
      if (repetition > 0) fastest = Math.min(fastest, seconds);
    }
    return fastest;
  } finally {
    await executable.dispose();
  }
}

/** Floating-point operations a second of large products in single precision, the best of several sizes. */
export async function machinePeak(target: Target): Promise<number> {
  let best = 0;
  for (const [rows, side] of SIZES) {
    const seconds = await productSeconds(target, rows, side);
    best = Math.max(best, (2 * rows * side * side) / seconds);
    if (seconds > LONG_SECONDS) break;
  }
  return best;
}

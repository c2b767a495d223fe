import { attention, concat, dim, type Graph, input, makeGraph, matmul, softmax } from '../dsl/index.js';
import { referenceTarget } from './reference/referenceTarget.js';
import { type DeviceTensor, floatTensor, type HostTensor, type Target } from './target.js';

/** GPUs compute exponentials a little less exactly than the CPU. */
const TOLERANCE = 1e-4;
const HEADS = 2;
const WIDTH = 8;
const STEPS = 2;

/** A cache that grows, attention over it, a matrix product and a softmax: what a sampling step is made of. */
function smallGraph(): Graph {
  const keys = dim('past');
  const past = input('past.key', 'f32', [1, HEADS, keys, WIDTH]);
  const x = input('x', 'f32', [1, HEADS, 3, WIDTH]);
  const w = input('w', 'f32', [WIDTH, WIDTH]);
  const present = concat([past, x], 2);
  const y = softmax(matmul(attention(x, present, present), w));
  return makeGraph('self-test', [past, x, w], { y, 'present.key': present });
}

function numbers(shape: readonly number[], phase: number): HostTensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return floatTensor(
    shape,
    Float32Array.from({ length: size }, (_, index) => Math.sin(index + phase)),
  );
}

/** Runs the graph step by step, its cache where the target keeps it. @returns all numbers that come out */
async function runSmallGraph(target: Target): Promise<readonly number[]> {
  const executable = await target.compile(smallGraph());
  const held: DeviceTensor[] = [];
  try {
    const found: number[] = [];
    let past: HostTensor | DeviceTensor = floatTensor([1, HEADS, 0, WIDTH], []);
    for (let step = 0; step < STEPS; step++) {
      const x = numbers([1, HEADS, 3, WIDTH], step);
      const results = await executable.run({ 'past.key': past, x, w: numbers([WIDTH, WIDTH], STEPS) });
      held.push(...Object.values(results));
      found.push(...(await results.y!.read()).data);
      past = results['present.key']!;
    }
    return [...found, ...(await (past as DeviceTensor).read()).data];
  } finally {
    for (const tensor of held) tensor.dispose();
    await executable.dispose();
  }
}

let expected: Promise<readonly number[]> | undefined;

/** Whether a small graph gives on the target what it gives on the reference. @throws what the target throws */
export async function passesSelfTest(target: Target): Promise<boolean> {
  expected ??= runSmallGraph(referenceTarget);
  const [wanted, actual] = [await expected, await runSmallGraph(target)];
  return (
    wanted.length === actual.length &&
    wanted.every((value, index) => Math.abs(value - actual[index]!) <= TOLERANCE)
  );
}

import { add, input, makeGraph, matmul, softmax } from '../dsl/index.js';
import { referenceTarget } from './reference/referenceTarget.js';
import { resolveTarget, TARGET_NAMES } from './resolveTarget.js';
import { floatTensor, type Target } from './target.js';

/** Whether a target works here. */
export interface TargetReport {
  readonly name: string;
  readonly usable: boolean;
  /** What it is, or why it cannot be used. */
  readonly detail: string;
}

const TOLERANCE = 1e-5;

/** A matrix product and a softmax of small numbers. */
async function runSmallGraph(target: Target): Promise<Float32Array> {
  const x = input('x', 'f32', [4, 4]);
  const graph = makeGraph('self-test', [x], { y: softmax(add(matmul(x, x), 1)) });
  const executable = await target.compile(graph);
  try {
    const values = Float32Array.from({ length: 16 }, (_, index) => Math.sin(index));
    const { y } = await executable.run({ x: floatTensor([4, 4], values) });
    return (await y!.read()).data as Float32Array;
  } finally {
    await executable.dispose();
  }
}

async function inspect(name: string, expected: Float32Array): Promise<TargetReport> {
  try {
    const target = await resolveTarget(name);
    const actual = await runSmallGraph(target);
    const right = expected.every((value, index) => Math.abs(value - actual[index]!) <= TOLERANCE);
    return {
      name,
      usable: right,
      detail: right ? target.description : `${target.description}, but it gives wrong numbers`,
    };
  } catch (error) {
    return { name, usable: false, detail: (error as Error).message.replace(`${name}: `, '') };
  }
}

/** Tries every target on a small graph. */
export async function inspectTargets(): Promise<readonly TargetReport[]> {
  const expected = await runSmallGraph(referenceTarget);
  const names = TARGET_NAMES.filter((name) => name !== 'auto' && name !== 'gpujs');
  const reports: TargetReport[] = [];
  for (const name of names) reports.push(await inspect(name, expected));
  return reports;
}

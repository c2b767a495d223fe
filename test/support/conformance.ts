import { expect } from 'chai';
import { countElements, type Shape } from '../../src/graph/dimension.js';
import { makeGraph, nodesOf } from '../../src/graph/graph.js';
import type { Tensor } from '../../src/graph/node.js';
import { philox, wordToUniform } from '../../src/graph/philox.js';
import { input } from '../../src/graph/sources.js';
import { inspectMode } from '../../src/targets/gpujs/gpuModes.js';
import { gpujsTarget } from '../../src/targets/gpujs/gpujsTarget.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor, type Target } from '../../src/targets/target.js';

/** Whether kernels can run on WebGPU here; `.ci/run` provides a software adapter. */
export const webGpu = await inspectMode('webgpu');

/** Targets that every operation must agree on with the reference. */
export const TESTED_TARGETS: readonly Target[] = [
  onnxTarget({ threads: 2 }),
  await gpujsTarget({ mode: 'cpu' }),
  await gpujsTarget({ mode: 'webasm', threads: 1 }),
  { ...(await gpujsTarget({ mode: 'webasm', threads: 4 })), name: 'gpujs:webasm with threads' },
  ...(webGpu.usable ? [await gpujsTarget({ mode: 'webgpu' })] : []),
];

/** Names of the operations that some conformance case ran. */
export const coveredOps = new Set<string>();

export interface ConformanceCase {
  readonly name: string;
  readonly inputs: readonly HostTensor[];
  /** Declared shapes of the inputs where they are not simply the given ones. */
  readonly shapes?: readonly (Shape | undefined)[];
  readonly build: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** Elements of the first output, worked out by hand. */
  readonly expected?: readonly number[];
}

/** Floats between −range and range that depend only on the seed. */
export function floats(shape: readonly number[], seed = 1, range = 2): HostTensor {
  const data = Float32Array.from({ length: countElements(shape) }, (_, index) => {
    const [word] = philox([index, 0, 0, 0], [seed, 0]);
    return (wordToUniform(word) * 2 - 1) * range;
  });
  return floatTensor(shape, data);
}

/** Integers from 0 to below `limit` that depend only on the seed. */
export function ints(shape: readonly number[], limit: number, seed = 1): HostTensor {
  const data = Int32Array.from({ length: countElements(shape) }, (_, index) => {
    const [word] = philox([index, 1, 0, 0], [seed, 0]);
    return word % limit;
  });
  return intTensor(shape, data);
}

/** Booleans that depend only on the seed. */
export function bools(shape: readonly number[], seed = 1): HostTensor {
  return { dtype: 'bool', shape, data: Uint8Array.from(ints(shape, 2, seed).data) };
}

/** Asserts equality within a share of the largest expected magnitude; not-a-number and infinities must match. */
export function expectClose(actual: HostTensor, expected: HostTensor, tolerance: number, what: string): void {
  expect(actual.dtype, `${what}: dtype`).to.equal(expected.dtype);
  expect([...actual.shape], `${what}: shape`).to.deep.equal([...expected.shape]);
  expect(actual.data.length, `${what}: elements`).to.equal(expected.data.length);
  let magnitude = 0;
  for (const value of expected.data)
    if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
  for (const [index, wanted] of expected.data.entries()) {
    const got = actual.data[index]!;
    if (Number.isFinite(wanted)) {
      if (!(Math.abs(got - wanted) <= tolerance * Math.max(magnitude, 1e-6)))
        expect.fail(`${what}: element ${index} is ${got}, not ${wanted} (largest magnitude ${magnitude})`);
    } else expect(got, `${what}: element ${index}`).to.deep.equal(wanted);
  }
}

async function runCase(
  target: Target,
  { inputs, shapes, build }: ConformanceCase,
): Promise<readonly HostTensor[]> {
  const tensors = inputs.map(({ dtype, shape }, index) =>
    input(`x${index}`, dtype, shapes?.[index] ?? shape),
  );
  const built = build(...tensors);
  const outputs = Array.isArray(built) ? (built as readonly Tensor[]) : [built as Tensor];
  const graph = makeGraph(
    'case',
    tensors,
    Object.fromEntries(outputs.map((tensor, index) => [`y${index}`, tensor])),
  );
  for (const node of nodesOf(graph)) if (node.kind === 'operation') coveredOps.add(node.op.name);
  const executable = await target.compile(graph);
  try {
    const results = await executable.run(
      Object.fromEntries(inputs.map((tensor, index) => [`x${index}`, tensor])),
    );
    return await Promise.all(outputs.map((_, index) => results[`y${index}`]!.read()));
  } finally {
    await executable.dispose();
  }
}

/** Checks the reference against hand-worked numbers, and every target against the reference. */
export function describeConformance(
  title: string,
  cases: readonly ConformanceCase[],
  tolerance = 1e-5,
): void {
  describe(`op ${title}`, () => {
    for (const testCase of cases) {
      if (testCase.expected) {
        it(`${testCase.name}: reference gives the numbers worked out by hand`, async () => {
          const [actual] = await runCase(referenceTarget, testCase);
          const expected = { ...actual!, data: Float32Array.from(testCase.expected!) };
          expectClose(actual!, expected, 1e-6, 'reference');
        });
      }
      for (const target of TESTED_TARGETS) {
        it(`${testCase.name}: ${target.name} agrees with the reference`, async () => {
          const expected = await runCase(referenceTarget, testCase);
          const actual = await runCase(target, testCase);
          for (const [index, tensor] of expected.entries())
            expectClose(actual[index]!, tensor, tolerance, `output ${index}`);
        });
      }
    }
  });
}

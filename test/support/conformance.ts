import { expect } from 'chai';
import { countElements, type Shape } from '../../src/graph/dimension.js';
import { withGradients } from '../../src/compiler/gradient.js';
import { add, multiply, sin, sum } from '../../src/dsl/index.js';
import { type Graph, makeGraph, nodesOf } from '../../src/graph/graph.js';
import { interpret } from './interpret.js';
import type { NdArray } from '../../src/graph/ndarray.js';
import type { Tensor } from '../../src/graph/node.js';
import { philox, wordToUniform } from '../../src/random/philox.js';
import { input } from '../../src/graph/sources.js';
import { inspectMode } from '../../src/targets/gpujs/gpuModes.js';
import { gpujsTarget } from '../../src/targets/gpujs/gpujsTarget.js';
import { deviceTarget } from '../../src/targets/onnx/deviceTarget.js';
import { inspectProvider } from '../../src/targets/onnx/onnxProviders.js';
import { onnxTarget } from '../../src/targets/onnx/onnxTarget.js';
import { resolveTarget } from '../../src/targets/resolveTarget.js';
import { referenceTarget } from '../../src/targets/reference/referenceTarget.js';
import { floatTensor, type HostTensor, intTensor, type Target } from '../../src/targets/target.js';

/** Whether kernels can run on WebGPU here; `.ci/run` provides a software adapter. */
export const webGpu = await inspectMode('webgpu');

/** onnxruntime on WebGPU, where an adapter answers. */
export const onnxWebGpu = (await inspectProvider('webgpu')).usable ? await deviceTarget('webgpu') : undefined;

/** The one target to test instead of all, such as that of a GPU: `ARPG_TEST_TARGET=onnx:cuda npx mocha …`. */
const only = process.env.ARPG_TEST_TARGET;

/** Targets that every operation must agree on with the reference. */
export const TESTED_TARGETS: readonly Target[] = only ? [await resolveTarget(only)] : await allTargets();

/** Targets that take long to prepare each graph: here they run the first case of an operation, in the slow tests all. */
const SLOW_TARGETS: readonly Target[] = onnxWebGpu && !only ? [onnxWebGpu] : [];

async function allTargets(): Promise<readonly Target[]> {
  return [
    onnxTarget({ threads: 2 }),
    await gpujsTarget({ mode: 'cpu' }),
    await gpujsTarget({ mode: 'webasm', threads: 1 }),
    { ...(await gpujsTarget({ mode: 'webasm', threads: 4 })), name: 'gpujs:webasm with threads' },
    ...(webGpu.usable ? [await gpujsTarget({ mode: 'webgpu' })] : []),
  ];
}

/** Of the largest element. */
const GRADIENT_TOLERANCE = 1e-3;

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
  /** Why the gradient is not checked: the case sits where there is none. */
  readonly noGradient?: string;
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

/**
 * Asserts equality within a share of the largest expected magnitude, or of the smallest one that matters;
 * not-a-number and infinities must match.
 */
export function expectClose(
  actual: HostTensor,
  expected: HostTensor,
  tolerance: number,
  what: string,
  smallestMagnitude = 1e-6,
): void {
  expect(actual.dtype, `${what}: dtype`).to.equal(expected.dtype);
  expect([...actual.shape], `${what}: shape`).to.deep.equal([...expected.shape]);
  expect(actual.data.length, `${what}: elements`).to.equal(expected.data.length);
  let magnitude = 0;
  for (const value of expected.data)
    if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
  for (const [index, wanted] of expected.data.entries()) {
    const got = actual.data[index]!;
    if (Number.isFinite(wanted)) {
      if (!(Math.abs(got - wanted) <= tolerance * Math.max(magnitude, smallestMagnitude)))
        expect.fail(`${what}: element ${index} is ${got}, not ${wanted} (largest magnitude ${magnitude})`);
    } else expect(got, `${what}: element ${index}`).to.deep.equal(wanted);
  }
}

/** The case's inputs and outputs as tensors of a graph. */
function buildCase({ inputs, shapes, build }: ConformanceCase) {
  const tensors = inputs.map(({ dtype, shape }, index) =>
    input(`x${index}`, dtype, shapes?.[index] ?? shape),
  );
  const built = build(...tensors);
  return { tensors, outputs: Array.isArray(built) ? (built as readonly Tensor[]) : [built as Tensor] };
}

/** Elements whose derivative is compared with finite differences, spread over each input. */
const PROBES = 5;
const STEP = 1e-4;

/**
 * A graph of the case's gradients: of the sum of its outputs, each weighted differently.
 * Undefined when nothing in it can be differentiated.
 */
function gradientGraph(
  testCase: ConformanceCase,
): { readonly graph: Graph; readonly names: readonly string[] } | undefined {
  const { tensors, outputs } = buildCase(testCase);
  const floatOutputs = outputs.filter(({ dtype }) => dtype === 'f32');
  const names = testCase.inputs.flatMap(({ dtype, data }, index) =>
    dtype === 'f32' && data.length > 0 ? [`x${index}`] : [],
  );
  if (floatOutputs.length === 0 || names.length === 0) return undefined;
  const weighted = floatOutputs.map((output) => sum(multiply(output, sin(add(output, 1)))));
  const loss = weighted.reduce((total, term) => add(total, term));
  return { graph: withGradients(makeGraph('case', tensors, { loss }), 'loss', names), names };
}

function caseInputs({ inputs }: ConformanceCase): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(inputs.map((tensor, index) => [`x${index}`, tensor]));
}

/** Compares some derivatives on the reference with central differences in float64. */
function checkFiniteDifferences(testCase: ConformanceCase, graph: Graph, names: readonly string[]): void {
  const inputs: Record<string, NdArray> = { ...caseInputs(testCase) };
  const derivatives = interpret(graph, inputs);
  for (const name of names) {
    const original = Float64Array.from(inputs[name]!.data);
    const gradient = derivatives[`gradient.${name}`]!.data;
    let magnitude = 1e-3;
    for (const value of gradient) magnitude = Math.max(magnitude, Math.abs(value));
    const lossAt = (element: number, value: number) => {
      const data = original.with(element, value);
      return interpret(graph, { ...inputs, [name]: { ...inputs[name]!, data } }).loss!.data[0]!;
    };
    for (let probe = 0; probe < Math.min(PROBES, original.length); probe++) {
      const element = Math.floor(((probe + 0.5) * original.length) / Math.min(PROBES, original.length));
      const value = original[element]!;
      const slope = (lossAt(element, value + STEP) - lossAt(element, value - STEP)) / (2 * STEP);
      expect(gradient[element]!, `${name}[${element}]`).to.be.closeTo(slope, 1e-3 * magnitude);
    }
  }
}

async function runCase(target: Target, testCase: ConformanceCase): Promise<readonly HostTensor[]> {
  const { inputs } = testCase;
  const { tensors, outputs } = buildCase(testCase);
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
    for (const [index, testCase] of cases.entries()) {
      if (testCase.expected) {
        it(`${testCase.name}: reference gives the numbers worked out by hand`, async () => {
          const [actual] = await runCase(referenceTarget, testCase);
          const expected = { ...actual!, data: Float32Array.from(testCase.expected!) };
          expectClose(actual!, expected, 1e-6, 'reference');
        });
      }
      for (const target of [...TESTED_TARGETS, ...(index === 0 ? SLOW_TARGETS : [])]) {
        it(`${testCase.name}: ${target.name} agrees with the reference`, async () => {
          const expected = await runCase(referenceTarget, testCase);
          const actual = await runCase(target, testCase);
          for (const [place, tensor] of expected.entries())
            expectClose(actual[place]!, tensor, tolerance, `output ${place}`);
        });
      }
      if (testCase.noGradient === undefined) describeGradient(testCase);
    }
  });
}

function describeGradient(testCase: ConformanceCase): void {
  const built = gradientGraph(testCase);
  if (!built) return;
  const { graph, names } = built;
  it(`${testCase.name}: the gradient fits finite differences`, () =>
    checkFiniteDifferences(testCase, graph, names));
  for (const target of TESTED_TARGETS) {
    it(`${testCase.name}: ${target.name} agrees on the gradient`, async () => {
      const expected = interpret(graph, caseInputs(testCase));
      const executable = await target.compile(graph);
      try {
        const actual = await executable.run(caseInputs(testCase));
        for (const name of names) {
          const wanted = expected[`gradient.${name}`] as HostTensor;
          expectClose(
            await actual[`gradient.${name}`]!.read(),
            wanted,
            GRADIENT_TOLERANCE,
            `gradient of ${name}`,
            1e-3,
          );
        }
      } finally {
        await executable.dispose();
      }
    });
  }
}

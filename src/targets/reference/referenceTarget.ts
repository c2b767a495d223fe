import { breathe } from '../../breathe.js';
import { runPasses, verifyPass } from '../../compiler/compile.js';
import { hasQuantized, quantizeLinears } from '../../compiler/quantizeLinears.js';
import { GraphError } from '../../graph/graphError.js';
import { bindInputs, interpretStepwise } from '../../graph/interpret.js';
import type { NdArray } from '../../graph/ndarray.js';
import { withSpan } from '../../inspect/observer.js';
import { indexGuard } from '../indexGuard.js';
import { runArguments } from '../runArguments.js';
import {
  type DeviceTensor,
  type HostTensor,
  isDeviceTensor,
  type Target,
  type TargetTensor,
} from '../target.js';

const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;

function toHost({ dtype, shape, data }: NdArray): HostTensor {
  return { dtype, shape, data: arrays[dtype].from(data) };
}

/** Keeps float64 values between runs, so that a cache is not rounded. */
class ReferenceTensor implements DeviceTensor {
  readonly dtype;
  readonly shape;
  readonly value: NdArray;

  constructor(value: NdArray) {
    this.value = value;
    this.dtype = value.dtype;
    this.shape = value.shape;
  }

  async read(): Promise<HostTensor> {
    return toHost(this.value);
  }

  dispose(): void {}
}

function toNdArray(tensor: TargetTensor): NdArray {
  if (!isDeviceTensor(tensor)) return tensor;
  if (tensor instanceof ReferenceTensor) return tensor.value;
  throw new GraphError('a tensor of another target cannot be used by the reference target');
}

/** Drives stepwise work to its end; signals are heard between the steps. */
async function finish<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await breathe();
  }
}

/** Runs graphs in float64 with each operation's reference. Slow; for tests and tiny graphs. */
export const referenceTarget: Target = {
  name: 'reference',
  description: 'float64 interpreter in JavaScript',
  async compile(graph, { weights, onPass } = {}) {
    const compiled = runPasses(
      graph,
      [verifyPass, ...(hasQuantized(weights) ? [quantizeLinears(weights)] : [])],
      onPass,
    );
    const requireIndices = indexGuard(graph);
    return {
      async run(inputs, outputs = Object.keys(graph.outputs)) {
        requireIndices(inputs, bindInputs(graph, inputs));
        const values = Object.fromEntries(
          Object.entries(inputs).map(([name, tensor]) => [name, toNdArray(tensor)]),
        );
        const results = await withSpan(
          'run',
          `run ${graph.name}`,
          () => runArguments(inputs, outputs),
          () => finish(interpretStepwise(compiled, values, weights)),
        );
        return Object.fromEntries(outputs.map((name) => [name, new ReferenceTensor(results[name]!)]));
      },
      async dispose() {},
    };
  },
};

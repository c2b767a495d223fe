import { compileGraph } from '../../compiler/compile.js';
import { countElements } from '../../graph/dimension.js';
import { type Graph, inputNode } from '../../graph/graph.js';
import { GraphError } from '../../graph/graphError.js';
import { bindInputs } from '../../graph/interpret.js';
import type { OpDefinition } from '../../graph/op.js';
import { concreteType, type DType } from '../../graph/tensorType.js';
import type { Weights } from '../../graph/weights.js';
import {
  type DeviceTensor,
  type HostTensor,
  isDeviceTensor,
  type Target,
  type TargetTensor,
} from '../target.js';
import { hostBuffer, toHostTensor } from './gpuMemory.js';
import { chooseMode, type GpuMode } from './gpuModes.js';
import { createKernelRunner, type GpuValue, type KernelRunner } from './kernelRunner.js';
import { createPipelineRunner } from './pipelineRunner.js';
import type { KernelPlan } from './kernelPlan.js';
import { LeastRecentlyUsed } from './leastRecentlyUsed.js';
import { splitWideConcats } from './splitWideConcats.js';
import { type LoweringOptions, lowerToKernels } from './lowerToKernels.js';

export interface GpujsTargetOptions {
  /** The best that works here when left out. */
  readonly mode?: GpuMode;
  /** Whether a kernel may run in another mode than the one asked for (default false). */
  readonly allowFallback?: boolean;
}

/** Plans for different sizes kept for reuse; they are only descriptions. */
const MAX_PLANS = 256;

/** What each mode's kernels can do: WebGPU binds eight arrays to a kernel, one of them the result. */
export const MODE_LIMITS: Readonly<Record<GpuMode, LoweringOptions>> = {
  webgpu: { maxLanes: 4, maxReads: 7 },
  webgl: { maxLanes: 1, maxReads: 15 },
  webasm: { maxLanes: 1, maxReads: 32 },
  cpu: { maxLanes: 4, maxReads: 32 },
};

/** Whether an operation has a GPU kernel by itself. */
export function hasGpuForm(op: OpDefinition): boolean {
  return op.gpu !== undefined;
}

class GpuTensor implements DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: GpuValue;
  readonly runner: KernelRunner;

  constructor(dtype: DType, shape: readonly number[], value: GpuValue, runner: KernelRunner) {
    this.dtype = dtype;
    this.shape = shape;
    this.value = value;
    this.runner = runner;
  }

  async read(): Promise<HostTensor> {
    if (countElements(this.shape) === 0) return toHostTensor(this.dtype, this.shape, new Float32Array(0));
    return toHostTensor(this.dtype, this.shape, await this.value.read());
  }

  dispose(): void {
    this.value.release();
  }
}

/**
 * Runs graphs as gpu.js kernels generated for the sizes of each run.
 * @throws TargetError when no mode, or not the one asked for, works here.
 */
export async function gpujsTarget({
  mode: wanted,
  allowFallback = false,
}: GpujsTargetOptions = {}): Promise<Target> {
  const { mode, detail } = await chooseMode(wanted);
  return {
    name: `gpujs:${mode}`,
    description: `gpu.js, ${detail}`,
    async compile(graph, { weights = new Map(), onPass } = {}) {
      const compiled = compileForKernels(graph, mode, weights, onPass);
      const createRunner = mode === 'webasm' ? createPipelineRunner : createKernelRunner;
      const runner = createRunner({ mode, weights, allowFallback });
      const plans = new LeastRecentlyUsed<KernelPlan>(MAX_PLANS);
      return {
        async run(inputs, outputs = Object.keys(graph.outputs)) {
          const bindings = bindInputs(graph, inputs);
          const plan = plans.get(JSON.stringify([bindings, outputs]), () =>
            lowerToKernels(withOutputs(compiled, outputs), bindings, MODE_LIMITS[mode]),
          );
          const { values, release } = await uploadInputs(compiled, inputs, runner);
          const results = await runner.run(plan, values);
          const kept = new Set(results.values());
          for (const value of release) if (!kept.has(value)) value.release();
          return Object.fromEntries(
            outputs.map((name) => {
              const { dtype, shape } = concreteType(graph.outputs[name]!, bindings);
              return [name, new GpuTensor(dtype, shape, results.get(plan.outputs[name]!)!, runner)];
            }),
          );
        },
        dispose: () => runner.dispose(),
      };
    },
  };
}

/** The graph as kernels are generated from it. */
export function compileForKernels(
  graph: Graph,
  mode: GpuMode,
  weights: Weights,
  onPass?: (name: string, graph: Graph) => void,
): Graph {
  const compiled = compileGraph(graph, { supports: hasGpuForm, weights, ...(onPass && { onPass }) });
  const split = splitWideConcats(MODE_LIMITS[mode].maxReads);
  const result = split.run(compiled);
  onPass?.(split.name, result);
  return result;
}

function withOutputs(graph: Graph, names: readonly string[]): Graph {
  return { ...graph, outputs: Object.fromEntries(names.map((name) => [name, graph.outputs[name]!])) };
}

/** Inputs on the device; those uploaded here are released after the run. */
async function uploadInputs(
  graph: Graph,
  inputs: Readonly<Record<string, TargetTensor>>,
  runner: KernelRunner,
): Promise<{ readonly values: Readonly<Record<string, GpuValue>>; readonly release: readonly GpuValue[] }> {
  const values: Record<string, GpuValue> = {};
  const release: GpuValue[] = [];
  for (const tensor of graph.inputs) {
    const { name } = inputNode(tensor);
    const given = inputs[name]!;
    if (isDeviceTensor(given)) {
      if (!(given instanceof GpuTensor) || given.runner !== runner)
        throw new GraphError(`input '${name}' is a tensor of another target or executable`);
      values[name] = given.value;
      continue;
    }
    values[name] = await runner.upload(hostBuffer(given.shape, given.data));
    release.push(values[name]);
  }
  return { values, release };
}

import { byteLength, type Weights } from '../../graph/weights.js';
import {
  constantBuffer,
  constantKey,
  flattenResult,
  type HostBuffer,
  type KernelResult,
} from './gpuMemory.js';
import type { KernelCall, KernelPlan, ValueSource } from './kernelPlan.js';
import { fallbackError, type GpuValue, type KernelRunner, type RunnerOptions } from './kernelRunner.js';
import { LeastRecentlyUsed } from './leastRecentlyUsed.js';

interface Pipeline {
  (...args: readonly unknown[]): Promise<Readonly<Record<string, KernelResult>>>;
  readonly backend: string;
  readonly fallbackReason: string | null;
  destroy(): void;
}

interface CompiledPlan {
  readonly pipeline: Pipeline;
  readonly destroy: () => void;
}

interface GpuWithPipelines {
  createKernel(
    source: string,
    settings: object,
  ): ((...args: readonly unknown[]) => unknown) & { destroy(): void };
  createPipeline(orchestrate: (...args: readonly unknown[]) => object): Pipeline;
  destroy(): Promise<void>;
}

const MAX_PLANS = 64;
/** Each compiled plan holds a WebAssembly memory with its own copy of the weights; together they stay below this. */
const MAX_PLAN_BYTES = 2 ** 30;
const MAX_LOOP_ITERATIONS = 1 << 30;

/**
 * Runs a whole plan as one gpu.js pipeline: on WebAssembly all kernels share one memory and the worker threads go
 * through all steps with barriers in between, so nothing is copied between kernels.
 */
export function createPipelineRunner({
  library: { GPU, input },
  mode,
  backend,
  weights,
  allowFallback,
}: RunnerOptions): KernelRunner {
  const gpu = new GPU({ mode: backend }) as GpuWithPipelines;
  const weightBytes = [...weights.values()].reduce((total, tensor) => total + byteLength(tensor), 1);
  const maxPlans = Math.max(1, Math.min(MAX_PLANS, Math.floor(MAX_PLAN_BYTES / weightBytes)));
  const plans = new LeastRecentlyUsed<CompiledPlan>(maxPlans, ({ destroy }) => destroy());
  const keys = new WeakMap<KernelPlan<KernelCall>, string>();
  let plansSeen = 0;
  const constants = new Map<unknown, unknown>();

  const argumentOf = ({ data, rows, columns }: HostBuffer): unknown =>
    rows * columns === 0 ? input(new Float32Array(1), [1, 1]) : input(data, [columns, rows]);

  const constantOf = (source: ValueSource, own: Weights): unknown => {
    const key = constantKey(source);
    if (!constants.has(key)) constants.set(key, argumentOf(constantBuffer(source as never, own)));
    return constants.get(key);
  };

  const compile = (plan: KernelPlan<KernelCall>, inputNames: readonly string[]): CompiledPlan => {
    const kernels = new Map<string, ReturnType<GpuWithPipelines['createKernel']>>();
    const kernelOf = (source: string, rows: number, columns: number) => {
      const key = `${rows}×${columns} ${source}`;
      const known = kernels.get(key);
      if (known) return known;
      const made = gpu.createKernel(source, {
        output: [columns, rows],
        loopMaxIterations: MAX_LOOP_ITERATIONS,
        asyncMode: true,
      });
      kernels.set(key, made);
      return made;
    };
    const orchestrate = (...args: readonly unknown[]): object => {
      const results: unknown[] = [];
      const resolve = (source: ValueSource): unknown => {
        if (source.kind === 'input') return args[inputNames.indexOf(source.name)];
        return source.kind === 'step' ? results[source.step] : constantOf(source, weights);
      };
      for (const { source, reads, layout } of plan.steps) {
        const empty = layout.rows * layout.columns === 0;
        results.push(
          empty
            ? argumentOf({ data: new Float32Array(0), rows: 0, columns: 0 })
            : kernelOf(source, layout.rows, layout.columns)(...reads.map(resolve)),
        );
      }
      const wanted = Object.entries(plan.outputs).filter(([, source]) => isComputed(plan, source));
      return Object.fromEntries(wanted.map(([name, source]) => [name, resolve(source)]));
    };
    // gpu.js hands out as many argument handles as the function declares parameters.
    Object.defineProperty(orchestrate, 'length', { value: inputNames.length });
    const pipeline = gpu.createPipeline(orchestrate);
    const destroy = () => {
      pipeline.destroy();
      for (const kernel of kernels.values()) kernel.destroy();
    };
    return { pipeline, destroy };
  };

  const hostValue = (buffer: HostBuffer): GpuValue => ({
    argument: argumentOf(buffer),
    read: async () => buffer.data,
    release() {},
  });

  return {
    upload: async (buffer) => hostValue(buffer),
    async run(plan, inputs) {
      const outputs = new Map<ValueSource, GpuValue>();
      const inputNames = Object.keys(inputs);
      if (Object.values(plan.outputs).some((source) => isComputed(plan, source))) {
        const key = keys.get(plan) ?? String(plansSeen++);
        keys.set(plan, key);
        const { pipeline } = plans.get(key, () => compile(plan, inputNames));
        const results = await pipeline(...inputNames.map((name) => inputs[name]!.argument));
        if (pipeline.backend !== backend && !allowFallback)
          throw fallbackError(mode, pipeline.backend, pipeline.fallbackReason);
        for (const [name, source] of Object.entries(plan.outputs)) {
          const result = results[name];
          if (!result || source.kind !== 'step') continue;
          const { rows, columns } = plan.steps[source.step]!.layout;
          outputs.set(source, hostValue({ data: flattenResult(result, columns, 1), rows, columns }));
        }
      }
      for (const source of Object.values(plan.outputs)) {
        if (outputs.has(source)) continue;
        if (source.kind === 'input') outputs.set(source, inputs[source.name]!);
        else if (source.kind === 'step')
          outputs.set(source, hostValue({ data: new Float32Array(0), rows: 0, columns: 0 }));
        else outputs.set(source, hostValue(constantBuffer(source, weights)));
      }
      return outputs;
    },
    async dispose() {
      plans.clear();
      await gpu.destroy();
    },
  };
}

/** Whether an output is the result of a kernel that really runs. */
function isComputed(plan: KernelPlan<KernelCall>, source: ValueSource): boolean {
  if (source.kind !== 'step') return false;
  const { rows, columns } = plan.steps[source.step]!.layout;
  return rows * columns > 0;
}

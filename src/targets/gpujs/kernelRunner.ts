import { breathe } from '../../breathe.js';
import { TargetError } from '../../errors.js';
import { GraphError } from '../../graph/graphError.js';
import type { Weights } from '../../graph/weights.js';
import {
  constantBuffer,
  constantKey,
  flattenResult,
  type HostBuffer,
  type KernelResult,
} from './gpuMemory.js';
import type { GpuJs } from './gpuLibrary.js';
import type { GpuMode } from './gpuModes.js';
import type { KernelCall, KernelPlan, ValueSource } from './kernelPlan.js';
import { LeastRecentlyUsed } from './leastRecentlyUsed.js';

/** A value where the mode keeps it: a GPU buffer, a texture, or rows of floats. */
export interface GpuValue {
  /** What is passed to kernels. */
  readonly argument: unknown;
  read(): Promise<Float32Array>;
  release(): void;
}

/** Runs kernel plans in one mode of gpu.js and keeps what they need between runs. */
export interface KernelRunner {
  upload(buffer: HostBuffer): Promise<GpuValue>;
  /** Runs a plan; the results of its steps that its outputs name come back. */
  run(
    plan: KernelPlan<KernelCall>,
    inputs: Readonly<Record<string, GpuValue>>,
  ): Promise<ReadonlyMap<ValueSource, GpuValue>>;
  dispose(): Promise<void>;
}

export interface RunnerOptions {
  readonly library: GpuJs;
  readonly mode: GpuMode;
  /** gpu.js' own name of the mode, which differs between Node.js and browsers. */
  readonly backend: string;
  /** What its kernels call it, where that differs. */
  readonly reportedAs?: string;
  readonly weights: Weights;
  /** Whether a kernel may run in another mode than the one asked for. */
  readonly allowFallback: boolean;
  /** Whether results stay on the device between kernels. */
  readonly resident: boolean;
  /** Sees each kernel call and its milliseconds; on WebGPU only the time of the call, not of the kernel. */
  readonly onStep?: (step: KernelCall, milliseconds: number) => void;
}

interface BufferHandle {
  componentCount: number;
  output: readonly number[];
  toArray(): KernelResult | Promise<KernelResult>;
  delete(): void;
}

interface GpuKernel {
  (...args: readonly unknown[]): unknown;
  readonly kernel: {
    readonly constructor: { readonly mode: string };
    readonly fallbackReason?: string | null;
  };
  destroy(): void;
}

/** Compiled kernels kept for reuse; more are made again when needed. */
const MAX_KERNELS = 1024;
const MAX_LOOP_ITERATIONS = 1 << 30;

/** Says what gpu.js reports when a kernel did not run where it should. */
export function fallbackError(mode: GpuMode, actual: string, reason: string | null | undefined): TargetError {
  return new TargetError(
    `gpujs:${mode}: a kernel ran on '${actual}' instead (${reason ?? 'no reason given'}); pass --allow-fallback to accept that`,
  );
}

/**
 * Runs kernels one by one. WebAssembly kernels run on the calling thread. Results stay on the device; each has a buffer of its own that is freed after the last
 * step that reads it, so the same kernel serves all layers.
 */
export function createKernelRunner({
  library: { GPU, input },
  mode,
  backend,
  reportedAs = backend,
  weights,
  allowFallback,
  resident,
  onStep,
}: RunnerOptions): KernelRunner {
  const gpu = new GPU({ mode: backend });
  const onDevice = resident && (mode === 'webgpu' || mode === 'webgl');
  const kernels = new LeastRecentlyUsed<GpuKernel>(MAX_KERNELS, (kernel) => kernel.destroy());
  const constants = new Map<unknown, GpuValue>();

  const kernelFor = (source: string, rows: number, columns: number): GpuKernel =>
    kernels.get(`${rows}×${columns} ${source}`, () => {
      const settings = {
        output: [columns, rows],
        pipeline: onDevice,
        immutable: onDevice,
        loopMaxIterations: MAX_LOOP_ITERATIONS,
        precision: 'single',
        tactic: 'precision',
        dynamicArguments: true,
      };
      return gpu.createKernel(source, settings) as GpuKernel;
    });

  const call = async (
    source: string,
    args: readonly unknown[],
    { rows, columns, lanes }: { readonly rows: number; readonly columns: number; readonly lanes: number },
  ): Promise<GpuValue> => {
    const kernel = kernelFor(source, rows, columns);
    const result = await kernel(...args);
    const { mode: actual } = kernel.kernel.constructor;
    if (actual !== reportedAs && !allowFallback)
      throw fallbackError(mode, actual, kernel.kernel.fallbackReason);
    if (!onDevice || Array.isArray(result)) {
      const data = flattenResult(result as KernelResult, columns, lanes);
      return hostValue({ data, rows, columns: columns * lanes });
    }
    const handle = result as BufferHandle;
    if (lanes > 1) {
      // The buffer is dense: the members of a thread are just neighbouring columns.
      handle.componentCount = 1;
      handle.output = [columns * lanes, rows];
    }
    return {
      argument: handle,
      read: async () => flattenResult(await handle.toArray(), columns * lanes, 1),
      release: () => handle.delete(),
    };
  };

  const hostValue = (buffer: HostBuffer): GpuValue => ({
    argument: input(buffer.data, mode === 'cpu' ? [buffer.data.length] : [buffer.columns, buffer.rows]),
    read: async () => buffer.data,
    release() {},
  });

  const upload = async (buffer: HostBuffer): Promise<GpuValue> => {
    // Nothing reads an array without elements, but kernels still name it.
    const { rows, columns } = buffer;
    const value = hostValue(
      rows * columns === 0 ? { data: new Float32Array(1), rows: 1, columns: 1 } : buffer,
    );
    if (!onDevice) return value;
    const copy = 'function (a0) {\n  return a0[this.thread.y][this.thread.x];\n}';
    return call(copy, [value.argument], { rows: Math.max(rows, 1), columns: Math.max(columns, 1), lanes: 1 });
  };

  const constantValue = async (source: ValueSource): Promise<GpuValue> => {
    if (source.kind === 'input' || source.kind === 'step') throw new GraphError('not a constant');
    const key = constantKey(source);
    const known = constants.get(key);
    if (known) return known;
    try {
      const value = await upload(constantBuffer(source, weights));
      constants.set(key, value);
      return value;
    } catch (error) {
      if (error instanceof TargetError) throw error;
      const what = source.kind === 'parameter' ? `parameter '${source.name}'` : 'a constant';
      throw new GraphError(`gpujs:${mode}: ${what} cannot be uploaded: ${(error as Error).message}`);
    }
  };

  const runStep = async (step: KernelCall, args: readonly GpuValue[]): Promise<GpuValue> => {
    const { rows, columns, lanes } = step.layout;
    if (rows * columns === 0) return upload({ data: new Float32Array(0), rows, columns });
    try {
      return await call(
        step.source,
        args.map(({ argument }) => argument),
        { rows, columns, lanes },
      );
    } catch (error) {
      if (error instanceof TargetError) throw error;
      throw new GraphError(
        `gpujs:${mode}: the kernel of ${step.covers.join(', ')} failed: ${(error as Error).message}`,
      );
    }
  };

  return {
    upload,
    async run(plan, inputs) {
      const results: (GpuValue | undefined)[] = [];
      const resolve = async (source: ValueSource): Promise<GpuValue> => {
        if (source.kind === 'input') return inputs[source.name]!;
        return source.kind === 'step' ? results[source.step]! : constantValue(source);
      };
      for (const [index, step] of plan.steps.entries()) {
        const args: GpuValue[] = [];
        // Kernels on the CPU keep this thread busy.
        await breathe();
        for (const source of step.reads) args.push(await resolve(source));
        const started = performance.now();
        results.push(await runStep(step, args));
        onStep?.(step, performance.now() - started);
        for (const done of plan.releases[index]!) {
          results[done]!.release();
          results[done] = undefined;
        }
      }
      const outputs = new Map<ValueSource, GpuValue>();
      for (const source of Object.values(plan.outputs)) {
        const value = await resolve(source);
        // Constants serve later runs, too.
        const lasting = source.kind !== 'input' && source.kind !== 'step';
        outputs.set(source, lasting ? { ...value, release() {} } : value);
      }
      return outputs;
    },
    async dispose() {
      for (const value of constants.values()) value.release();
      constants.clear();
      kernels.clear();
      await gpu.destroy();
    },
  };
}

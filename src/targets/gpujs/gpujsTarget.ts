import { availableParallelism } from 'node:os';
import { compileGraph } from '../../compiler/compile.js';
import { type Graph, inputNode } from '../../graph/graph.js';
import type { DimBindings } from '../../graph/dimension.js';
import { bindInputs } from '../../graph/interpret.js';
import type { OpDefinition } from '../../graph/op.js';
import { concreteType } from '../../graph/tensorType.js';
import type { Weights } from '../../graph/weights.js';
import { areSpansWanted, reportKernels, reportSpan, withSpan } from '../../inspect/observer.js';
import { indexGuard } from '../indexGuard.js';
import { runArguments } from '../runArguments.js';
import type { Target } from '../target.js';
import { BACKENDS, chooseMode, type GpuMode, loadGpuJs } from './gpuModes.js';
import { GpuTensor, uploadInputs } from './gpuTensor.js';
import { createKernelRunner, type KernelRunner } from './kernelRunner.js';
import { createPipelineRunner } from './pipelineRunner.js';
import type { KernelCall, KernelPlan } from './kernelPlan.js';
import { printKernelPlan } from './printKernelPlan.js';
import { LeastRecentlyUsed } from './leastRecentlyUsed.js';
import { splitWideReads } from './splitWideReads.js';
import { type LoweringOptions, lowerToKernels } from './lowerToKernels.js';

export interface GpujsTargetOptions {
  /** The best that works here when left out. */
  readonly mode?: GpuMode;
  /** Whether a kernel may run in another mode than the one asked for (default false). */
  readonly allowFallback?: boolean;
  /** CPU threads of WebAssembly kernels (default: one per core). */
  readonly threads?: number;
  /**
   * Whether operations share kernels and results stay on the device (default true). Without, every operation is a
   * kernel called by itself, as one would write it by hand: for measuring what the compiler gains.
   */
  readonly fuse?: boolean;
}

/** Plans for different sizes kept for reuse; they are only descriptions. */
const MAX_PLANS = 256;

/** The kernels for some sizes, and what runs them. */
interface Planned {
  readonly plan: KernelPlan;
  readonly runner: KernelRunner;
}

/** What each mode's kernels can do: WebGPU binds eight arrays to a kernel, one of them the result. */
export const MODE_LIMITS: Readonly<Record<GpuMode, LoweringOptions>> = {
  webgpu: { maxLanes: 4, minThreads: 8192, flatArrays: false, maxReads: 7 },
  webgl: { maxLanes: 1, minThreads: 0, flatArrays: false, maxReads: 15 },
  webasm: { maxLanes: 4, minThreads: 0, flatArrays: false, maxReads: 32 },
  cpu: { maxLanes: 4, minThreads: 0, flatArrays: true, maxReads: 32 },
};

/**
 * gpu.js can run a whole plan of WebAssembly kernels on several threads, but then no kernel may compute more than one
 * element a thread, which costs about as much as a second thread gains.
 */
const MIN_PIPELINE_THREADS = 3;
/** gpu.js splits kernels of at least so many threads. */
const MIN_SPLIT_CELLS = 4096;

/** Whether an operation has a GPU kernel by itself. */
export function hasGpuForm(op: OpDefinition): boolean {
  return op.gpu !== undefined;
}

/**
 * Runs graphs as gpu.js kernels generated for the sizes of each run.
 * @throws TargetError when no mode, or not the one asked for, works here.
 */
export async function gpujsTarget({
  mode: wanted,
  allowFallback = false,
  fuse = true,
  threads = availableParallelism(),
}: GpujsTargetOptions = {}): Promise<Target> {
  const { mode, detail } = await chooseMode(wanted);
  return {
    name: `gpujs:${mode}`,
    description: `gpu.js, ${detail}`,
    async compile(graph, { weights = new Map(), onPass } = {}) {
      const compiled = compileForKernels(graph, mode, weights, onPass);
      const requireIndices = indexGuard(graph);
      const settings = {
        library: loadGpuJs(),
        mode,
        backend: BACKENDS[mode],
        weights,
        allowFallback,
        resident: fuse,
        ...(areSpansWanted() && { onStep: reportKernel }),
      };
      const separate = createKernelRunner(settings);
      const joined =
        mode === 'webasm' && fuse && threads >= MIN_PIPELINE_THREADS
          ? createPipelineRunner(settings)
          : undefined;
      const planFor = (bindings: DimBindings, outputs: readonly string[]): Planned => {
        const limits = MODE_LIMITS[mode];
        const lower = (options: LoweringOptions) =>
          withSpan(
            'lower',
            `lower ${graph.name}`,
            () => ({ sizes: bindings }),
            () => lowerToKernels(withOutputs(compiled, outputs), bindings, options),
          );
        const choose = (): Planned => {
          const plain = lower(fuse ? limits : { ...limits, fuse, maxLanes: 1 });
          const large = plain.steps.some(({ layout }) => layout.rows * layout.columns >= MIN_SPLIT_CELLS);
          if (!joined || !large) return { plan: plain, runner: separate };
          return { plan: lower({ ...limits, maxLanes: 1 }), runner: joined };
        };
        const chosen = choose();
        reportKernels(compiled, bindings, () => printKernelPlan(chosen.plan));
        return chosen;
      };
      const owner = {};
      const plans = new LeastRecentlyUsed<Planned>(MAX_PLANS);
      return {
        async run(inputs, outputs = Object.keys(graph.outputs)) {
          const bindings = bindInputs(graph, inputs);
          requireIndices(inputs, bindings);
          const planned = () => planFor(bindings, outputs);
          const { plan, runner } = plans.get(JSON.stringify([bindings, outputs]), planned);
          // A plan compiled once takes its inputs in one order, however they are given.
          const ordered = Object.fromEntries(
            compiled.inputs.map((tensor) => [inputNode(tensor).name, inputs[inputNode(tensor).name]!]),
          );
          const { values, release } = await uploadInputs(ordered, runner, owner);
          const results = await withSpan(
            'run',
            `run ${graph.name}`,
            () => runArguments(inputs, outputs),
            () => runner.run(plan, values),
          );
          const kept = new Set(results.values());
          for (const value of release) if (!kept.has(value)) value.release();
          return Object.fromEntries(
            outputs.map((name) => {
              const { dtype, shape } = concreteType(graph.outputs[name]!, bindings);
              return [name, new GpuTensor(dtype, shape, results.get(plan.outputs[name]!)!, owner)];
            }),
          );
        },
        async dispose() {
          await separate.dispose();
          await joined?.dispose();
        },
      };
    },
  };
}

/** The graph as kernels are generated from it. */
export function compileForKernels(
  graph: Graph,
  mode: GpuMode,
  weights?: Weights,
  onPass?: (name: string, graph: Graph) => void,
): Graph {
  return compileGraph(graph, {
    supports: hasGpuForm,
    ownPasses: [splitWideReads(MODE_LIMITS[mode].maxReads)],
    ...(weights && { weights }),
    ...(onPass && { onPass }),
  });
}

/** Reports a kernel call that is just over; on WebGPU the kernel itself may run on. */
function reportKernel({ covers, layout: { rows, columns, lanes } }: KernelCall, duration: number): void {
  reportSpan({
    category: 'kernel',
    name: covers.join(' + ') || 'empty kernel',
    start: performance.now() - duration,
    duration,
    args: { rows, columns, lanes },
  });
}

function withOutputs(graph: Graph, names: readonly string[]): Graph {
  return { ...graph, outputs: Object.fromEntries(names.map((name) => [name, graph.outputs[name]!])) };
}

import { UsageError } from '../errors.js';
import { GPU_MODES, type GpuMode, inspectMode, mayHaveGpu } from './gpujs/gpuModes.js';
import { gpujsTarget } from './gpujs/gpujsTarget.js';
import { onnxTarget } from './onnx/onnxTarget.js';
import { referenceTarget } from './reference/referenceTarget.js';
import type { Target } from './target.js';

/** What `--target` takes. */
export const TARGET_NAMES: readonly string[] = [
  'auto',
  'onnx',
  'gpujs',
  ...GPU_MODES.map((mode) => `gpujs:${mode}`),
  'reference',
];

/** More than any machine has cores. */
const MAX_THREADS = 1024;

export interface ResolveOptions {
  /** CPU threads, from 1 to 1024; one per core when left out. */
  readonly threads?: number;
  /** Whether gpujs kernels may run in another mode than the one asked for. */
  readonly allowFallback?: boolean;
}

/**
 * The target of that name. `auto` is a real GPU where one answers, else onnxruntime on the CPU.
 * @throws UsageError for an unknown name and threads out of range, TargetError when the target does not work here.
 */
export async function resolveTarget(
  name: string,
  { threads, allowFallback = false }: ResolveOptions = {},
): Promise<Target> {
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    throw new UsageError(`threads ${String(threads)} is not a whole number from 1 to ${MAX_THREADS}`);
  const threading = threads === undefined ? {} : { threads };
  const onCpu = () => onnxTarget(threading);
  if (!TARGET_NAMES.includes(name))
    throw new UsageError(`target '${String(name)}' is unknown; there are ${TARGET_NAMES.join(', ')}`);
  const [base, mode] = name.split(':');
  switch (base) {
    case 'auto':
      if (!mayHaveGpu() || !(await inspectMode('webgpu')).realGpu) return onCpu();
      return gpujsTarget({ mode: 'webgpu', allowFallback });
    case 'onnx':
      return onCpu();
    case 'gpujs':
      return gpujsTarget({
        allowFallback,
        ...threading,
        ...(mode !== undefined && { mode: mode as GpuMode }),
      });
    default:
      return referenceTarget;
  }
}

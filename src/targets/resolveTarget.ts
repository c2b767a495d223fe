import { UsageError } from '../errors.js';
import { firstWorking, gpuCandidates } from './autoTarget.js';
import { GPU_MODES, type GpuMode } from './gpujs/gpuModes.js';
import { gpujsTarget } from './gpujs/gpujsTarget.js';
import { deviceTarget } from './onnx/deviceTarget.js';
import { ONNX_PROVIDERS, type OnnxProvider } from './onnx/onnxProviders.js';
import { onnxTarget } from './onnx/onnxTarget.js';
import { referenceTarget } from './reference/referenceTarget.js';
import type { Target } from './target.js';
import { mayHaveGpu } from './webGpu.js';

/** What `--target` takes. */
export const TARGET_NAMES: readonly string[] = [
  'auto',
  'onnx',
  ...ONNX_PROVIDERS.map((provider) => `onnx:${provider}`),
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
  /** Hears why `auto` passes over a GPU, a line each. */
  readonly report?: (line: string) => void;
}

/**
 * The target of that name. `auto` is a real GPU where one answers and computes rightly, else onnxruntime on the CPU.
 * @throws UsageError for an unknown name and threads out of range, TargetError when the target does not work here.
 */
export async function resolveTarget(
  name: string,
  { threads, allowFallback = false, report = () => {} }: ResolveOptions = {},
): Promise<Target> {
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    throw new UsageError(`threads ${String(threads)} is not a whole number from 1 to ${MAX_THREADS}`);
  const threading = threads === undefined ? {} : { threads };
  if (!TARGET_NAMES.includes(name))
    throw new UsageError(`target '${String(name)}' is unknown; there are ${TARGET_NAMES.join(', ')}`);
  const [base, kind] = name.split(':');
  switch (base) {
    case 'auto': {
      // Where there is no GPU, no driver is loaded, since that takes time and may print warnings.
      if (!mayHaveGpu()) report('no GPU is found on this machine');
      else {
        const onGpu = await firstWorking(gpuCandidates(threading, allowFallback), report);
        if (onGpu) return onGpu;
      }
      return onnxTarget(threading);
    }
    case 'onnx':
      return kind === undefined ? onnxTarget(threading) : deviceTarget(kind as OnnxProvider, threading);
    case 'gpujs':
      return gpujsTarget({
        allowFallback,
        ...threading,
        ...(kind !== undefined && { mode: kind as GpuMode }),
      });
    default:
      return referenceTarget;
  }
}

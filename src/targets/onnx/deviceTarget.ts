import { TargetError } from '../../errors.js';
import type { Target } from '../target.js';
import { inspectProvider, type OnnxProvider } from './onnxProviders.js';
import { onnxTarget } from './onnxTarget.js';

export interface DeviceTargetOptions {
  /** Threads of what the CPU has to run. */
  readonly threads?: number;
  /** Whether to refuse graphs of which the CPU would have to run a part (default false). */
  readonly alone?: boolean;
}

/**
 * onnxruntime on a device.
 * @throws TargetError with the reason when the provider cannot be used here.
 */
export async function deviceTarget(
  provider: OnnxProvider,
  { threads, alone = false }: DeviceTargetOptions = {},
): Promise<Target> {
  const { usable, detail } = await inspectProvider(provider);
  if (!usable) throw new TargetError(`onnx:${provider}: ${detail}`);
  return onnxTarget({ device: { provider, detail, alone }, ...(threads !== undefined && { threads }) });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DeviceReport, inspectWebGpu } from '../webGpu.js';
import { onnxRuntimeFolder, supportedProviders } from './onnxRuntime.js';

/** The devices that onnxruntime may run graphs on, besides the CPU. */
export const ONNX_PROVIDERS = ['webgpu', 'cuda', 'coreml', 'dml'] as const;
export type OnnxProvider = (typeof ONNX_PROVIDERS)[number];

const TITLES: Readonly<Record<OnnxProvider, string>> = {
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  coreml: 'CoreML',
  dml: 'DirectML',
};

/** What is found on a machine. */
export interface ProviderSurroundings {
  /** The names that the library lists. */
  readonly supported: readonly string[];
  /** Whether the library's folder has a file of this name. */
  hasFile(name: string): boolean;
  inspectWebGpu(): Promise<DeviceReport>;
}

function surroundings(): ProviderSurroundings {
  const folder = onnxRuntimeFolder();
  return {
    supported: supportedProviders(),
    hasFile: (name) => existsSync(join(folder, name)),
    inspectWebGpu,
  };
}

/** onnxruntime loads CUDA from here; looked for first, since it prints an error of its own where it is missing. */
const CUDA_LIBRARY = 'libonnxruntime_providers_cuda.so';

/**
 * Whether graphs can run on a provider here, what that is, or why not. That the library has a provider does not say yet that a
 * device answers: only a session shows that, except for WebGPU, whose adapter can be asked for.
 */
export async function inspectProvider(
  provider: OnnxProvider,
  { supported, hasFile, inspectWebGpu: inspect }: ProviderSurroundings = surroundings(),
): Promise<DeviceReport> {
  const title = TITLES[provider];
  const unusable = (detail: string): DeviceReport => ({ usable: false, realGpu: false, detail });
  if (!supported.includes(provider))
    return unusable(`onnxruntime has no ${title} provider for ${process.platform} ${process.arch}`);
  if (provider === 'cuda' && !hasFile(CUDA_LIBRARY))
    return unusable(
      `onnxruntime's CUDA library is not installed; install onnxruntime-node with --onnxruntime-node-install=cuda12`,
    );
  return provider === 'webgpu' ? inspect() : { usable: true, realGpu: true, detail: title };
}

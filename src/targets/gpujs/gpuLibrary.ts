import type { GPU } from 'gpu.js';

/** What is used of the gpu.js package, wherever it was loaded from. */
export interface GpuJs {
  readonly GPU: typeof GPU & {
    readonly isHeadlessGLSupported: boolean;
    readonly isWebAssemblySupported: boolean;
    isWebGPUAvailable(): Promise<boolean>;
  };
  readonly input: (value: Float32Array, size: readonly number[]) => unknown;
}

import { createRequire } from 'node:module';
import { TargetError } from '../../errors.js';
import { packageFile } from '../../packageFiles.js';
import { type DeviceReport, inspectWebGpu } from '../webGpu.js';
import type { GpuJs } from './gpuLibrary.js';

/** What gpu.js can run kernels on, best first. */
export const GPU_MODES = ['webgpu', 'webgl', 'webasm', 'cpu'] as const;
export type GpuMode = (typeof GPU_MODES)[number];

/** gpu.js' own names of the modes. */
export const BACKENDS: Readonly<Record<GpuMode, string>> = {
  webgpu: 'webgpu',
  webgl: 'headlessgl',
  webasm: 'webasm',
  cpu: 'cpu',
};

const require = createRequire(import.meta.url);

/** gpu.js, as scripts/bundleGpuJs.mjs bundles it; loading it takes a while, so it waits until it is needed. */
export function loadGpuJs(): GpuJs {
  return require(packageFile('dist/vendor/gpu.cjs')) as GpuJs;
}

/** Finds out whether a mode works here. */
export async function inspectMode(mode: GpuMode): Promise<DeviceReport> {
  switch (mode) {
    case 'webgpu':
      return inspectWebGpu();
    case 'webgl': {
      const usable = loadGpuJs().GPU.isHeadlessGLSupported;
      return {
        usable,
        realGpu: false,
        detail: usable ? 'WebGL through headless-gl' : "the optional package 'gl' is not installed",
      };
    }
    case 'webasm': {
      const usable = loadGpuJs().GPU.isWebAssemblySupported;
      return {
        usable,
        realGpu: false,
        detail: usable ? 'WebAssembly SIMD with threads' : 'this Node.js has no WebAssembly',
      };
    }
    case 'cpu':
      return { usable: true, realGpu: false, detail: 'plain JavaScript' };
  }
}

/**
 * The mode asked for, or the best that works here.
 * @throws TargetError with the reason when the mode asked for does not work here.
 */
export async function chooseMode(
  wanted?: GpuMode,
): Promise<{ readonly mode: GpuMode; readonly detail: string }> {
  const reasons: string[] = [];
  for (const mode of wanted ? [wanted] : GPU_MODES) {
    const { usable, detail } = await inspectMode(mode);
    if (usable) return { mode, detail };
    reasons.push(`gpujs:${mode}: ${detail}`);
  }
  throw new TargetError(reasons.join('; '));
}

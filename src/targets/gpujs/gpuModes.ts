import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { TargetError } from '../../errors.js';
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

/** The gpu.js package; loading it takes a while, so it waits until it is needed. */
export function loadGpuJs(): GpuJs {
  return require('gpu.js') as GpuJs;
}

interface NavigatorWithGpu {
  gpu?: { requestAdapter(): Promise<{ readonly info?: Readonly<Record<string, string>> } | null> };
}

/** Gives this process `navigator.gpu` through Dawn. */
function provideWebGpu(): NavigatorWithGpu {
  const scope = globalThis as { navigator?: NavigatorWithGpu };
  if (scope.navigator?.gpu) return scope.navigator;
  // Vulkan loaders complain on stderr when there is no folder for their sockets; nothing here opens one.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  const { create, globals } = require('webgpu') as {
    create: (flags: readonly string[]) => NonNullable<NavigatorWithGpu['gpu']>;
    globals: object;
  };
  Object.assign(globalThis, globals);
  const gpu = create([]);
  if (scope.navigator) Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  else Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  return scope.navigator as NavigatorWithGpu;
}

/** Whether a mode works here, and what it runs on or why it does not. */
export interface ModeReport {
  readonly usable: boolean;
  readonly detail: string;
  /** Whether it is hardware, not a GPU played by the CPU. */
  readonly realGpu: boolean;
}

/** Adapters that are programs on the CPU. */
const SOFTWARE_ADAPTER = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/**
 * Whether this machine may have a GPU, found without loading any driver: on Linux a GPU has a device file. Saves the
 * time of asking, and the warnings that drivers print.
 */
export function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const devices = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  return (
    devices('/dev/dri').some((name) => name.startsWith('renderD')) ||
    devices('/dev').some((name) => name === 'dxg' || /^nvidia\d/.test(name))
  );
}

async function inspectWebGpu(): Promise<ModeReport> {
  try {
    const adapter = await provideWebGpu().gpu!.requestAdapter();
    if (!adapter)
      return {
        usable: false,
        realGpu: false,
        detail: 'no WebGPU adapter answers; a Vulkan, Metal or Direct3D 12 driver is needed',
      };
    const { vendor = '', architecture = '', device = '', description = '' } = adapter.info ?? {};
    const name = [description || device, vendor, architecture].filter((part) => part !== '').join(', ');
    const detail = `WebGPU on ${name || 'an adapter without a name'}`;
    return { usable: true, realGpu: !SOFTWARE_ADAPTER.test(name), detail };
  } catch (error) {
    return { usable: false, realGpu: false, detail: `WebGPU cannot be loaded: ${(error as Error).message}` };
  }
}

/** Finds out whether a mode works here. */
export async function inspectMode(mode: GpuMode): Promise<ModeReport> {
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

import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { adapterAnswers } from './adapterProbe.js';

const require = createRequire(import.meta.url);

interface NavigatorWithGpu {
  gpu?: { requestAdapter(): Promise<{ readonly info?: Readonly<Record<string, string>> } | null> };
}

/** Whether something works here, and what it runs on or why it does not. */
export interface DeviceReport {
  readonly usable: boolean;
  readonly detail: string;
  /** Whether it is hardware, not a GPU played by the CPU. */
  readonly realGpu: boolean;
}

/** Adapters that are programs on the CPU. */
const SOFTWARE_ADAPTER = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

/**
 * Whether this machine may have a GPU, found without loading any driver: on Linux a GPU has a device file (a render node,
 * `/dev/nvidia0`, or `/dev/dxg` in Windows' Linux). Saves the time of asking, and the warnings that drivers print.
 */
export function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  return (
    namesIn('/dev/dri').some((name) => name.startsWith('renderD')) ||
    namesIn('/dev').some((name) => name === 'dxg' || /^nvidia\d/.test(name))
  );
}

/** Folders in which the Vulkan loader looks for drivers; the last is NixOS'. */
function vulkanFolders(): readonly string[] {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const roots = [
    XDG_CONFIG_HOME || join(homedir(), '.config'),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(delimiter),
    '/etc',
    XDG_DATA_HOME || join(homedir(), '.local/share'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(delimiter),
    '/run/opengl-driver/share',
  ];
  return roots.map((root) => join(root, 'vulkan/icd.d'));
}

/**
 * Whether a driver is installed through which a WebGPU adapter may answer. Without one, Dawn would only print warnings
 * of its own: on Linux it needs a Vulkan driver, which the environment names or which has a file where they are listed.
 */
export function mayHaveAdapter(): boolean {
  if (process.platform !== 'linux') return true;
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES } = process.env;
  const exist = (paths = '') => paths.split(delimiter).some((path) => path !== '' && existsSync(path));
  // Drivers that are named take the place of those that are installed.
  const named = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  if (named) return exist(named);
  return (
    exist(VK_ADD_DRIVER_FILES) ||
    vulkanFolders().some((folder) => namesIn(folder).some((name) => name.endsWith('.json')))
  );
}

const navigatorGpu = (): NavigatorWithGpu['gpu'] =>
  (globalThis as { navigator?: NavigatorWithGpu }).navigator?.gpu;

/** Gives this process `navigator.gpu` through Dawn. */
function provideWebGpu(): NavigatorWithGpu {
  const scope = globalThis as { navigator?: NavigatorWithGpu };
  if (scope.navigator && navigatorGpu() !== undefined) return scope.navigator;
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

const noAdapter = (reason: string): DeviceReport => ({
  usable: false,
  realGpu: false,
  detail: `no WebGPU adapter answers; ${reason}`,
});

let probe: Promise<boolean | undefined> | undefined;

/** Whether no adapter answers, found once, without the warnings that Vulkan drivers print then. */
async function isKnownToHaveNone(): Promise<boolean> {
  // Vulkan loaders complain on stderr when there is no folder for their sockets; nothing here opens one.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  if (process.platform !== 'linux' || navigatorGpu() !== undefined) return false;
  probe ??= adapterAnswers(require.resolve('webgpu'));
  return (await probe) === false;
}

/** Asks for a WebGPU adapter; afterwards this process has `navigator.gpu` where one answers. */
export async function inspectWebGpu(): Promise<DeviceReport> {
  if (!mayHaveAdapter()) return noAdapter('no Vulkan driver is installed');
  try {
    if (await isKnownToHaveNone()) return noAdapter('a Vulkan, Metal or Direct3D 12 driver is needed');
    const adapter = await provideWebGpu().gpu!.requestAdapter();
    if (!adapter) return noAdapter('a Vulkan, Metal or Direct3D 12 driver is needed');
    const { vendor = '', architecture = '', device = '', description = '' } = adapter.info ?? {};
    const name = [description || device, vendor, architecture].filter((part) => part !== '').join(', ');
    const detail = `WebGPU on ${name || 'an adapter without a name'}`;
    return { usable: true, realGpu: !SOFTWARE_ADAPTER.test(name), detail };
  } catch (error) {
    return { usable: false, realGpu: false, detail: `WebGPU cannot be loaded: ${(error as Error).message}` };
  }
}

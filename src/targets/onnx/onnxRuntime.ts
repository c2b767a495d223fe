import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { TargetError } from '../../errors.js';

/** The onnxruntime-node package. */
export type OnnxRuntime = typeof import('onnxruntime-node');

const require = createRequire(import.meta.url);

/** The library reads this once, when it is loaded, and collects and sends usage data unless it is set. */
const NO_TELEMETRY = 'ORT_DISABLE_TELEMETRY';

// A worker's environment is a copy that the library does not see. It inherits what the main thread set.
const isSilent = isMainThread || process.env[NO_TELEMETRY] === '1';
// Set when this module is imported, so that workers started later have it too.
process.env[NO_TELEMETRY] = '1';

/**
 * The onnxruntime-node package, with its telemetry off: it would write an identifier of the machine and a queue of
 * events below the home folder. Nothing else may load the package.
 * @throws TargetError in a worker where the telemetry cannot be switched off any more.
 */
export function loadOnnxRuntime(): OnnxRuntime {
  if (!isSilent)
    throw new TargetError(
      `onnxruntime's telemetry cannot be switched off from a worker: import arpg in the main thread first, or set ${NO_TELEMETRY}=1 for the program`,
    );
  return require('onnxruntime-node') as OnnxRuntime;
}

/** Its version. */
export function onnxRuntimeVersion(): string {
  return (require('onnxruntime-node/package.json') as { readonly version: string }).version;
}

/** The folder of its native library for this platform, in which optional parts lie beside it. */
export function onnxRuntimeFolder(): string {
  const root = dirname(require.resolve('onnxruntime-node/package.json'));
  return join(root, 'bin/napi-v6', process.platform, process.arch);
}

/** The execution providers that it lists for this platform, such as `cpu` and `webgpu`. */
export function supportedProviders(): readonly string[] {
  return loadOnnxRuntime()
    .listSupportedBackends()
    .map(({ name }) => name);
}

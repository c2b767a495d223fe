import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { breathing } from '../../breathe.js';
import type { KeptFiles } from '../../files/keptFiles.js';
import { byteLength, type StoredTensor } from '../../graph/weights.js';
import type { LoweredModel } from './lowerToOnnx.js';
import type { OnnxModel } from './onnxSchema.js';
import { moveWeightsOut } from './onnxWeights.js';

/** Less is computed again as fast as it is found. */
const LEAST_BYTES = 2 ** 24;

/** What a file's elements depend on: where it lies, and that nobody wrote to it since. */
function fileState(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [path, dev, ino, size, mtimeNs, ctimeNs].join();
}

/** All that a tensor's elements come from; undefined where some are in memory alone. */
function originOf({ dtype, shape, file, derived }: StoredTensor, stateOf: (path: string) => string): unknown {
  if (file) return [dtype, shape, file.offset, stateOf(file.path)];
  if (!derived) return undefined;
  const origins = derived.from.map((tensor) => originOf(tensor, stateOf));
  return origins.includes(undefined) ? undefined : [dtype, shape, derived.how, origins];
}

/**
 * The model with all its parameters in one kept file, where those that had to be computed are large.
 * @param program differs whenever the program's code does
 * @returns undefined where nothing is gained or can be kept
 */
export async function referToKeptFile(
  lowered: LoweredModel,
  files: KeptFiles,
  program: string,
): Promise<{ readonly model: OnnxModel; readonly weightsFolder: string } | undefined> {
  const computed = lowered.parameters.filter(({ stored }) => stored.derived !== undefined);
  const bytes = computed.reduce((sum, { stored }) => sum + byteLength(stored), 0);
  if (bytes < LEAST_BYTES) return undefined;
  const states = new Map<string, string>();
  const stateOf = (path: string): string => {
    const state = states.get(path) ?? fileState(path);
    states.set(path, state);
    return state;
  };
  const origins = lowered.parameters.map(({ name, stored }) => [name, originOf(stored, stateOf)]);
  if (origins.some(([, origin]) => origin === undefined)) return undefined;
  const key = createHash('sha256')
    .update(JSON.stringify([program, origins]))
    .digest('hex');
  const { model, data, size } = moveWeightsOut(lowered, key);
  const path = await files.obtain(key, size, () => breathing(data()));
  return path === undefined ? undefined : { model, weightsFolder: dirname(path) };
}

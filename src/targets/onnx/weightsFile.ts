import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { breathing } from '../../breathe.js';
import type { KeptFiles } from '../../files/keptFiles.js';
import { byteLength } from '../../graph/weights.js';
import type { LoweredModel } from './lowerToOnnx.js';
import type { OnnxModel } from './onnxSchema.js';
import { moveWeightsOut } from './onnxWeights.js';
import { originsOf } from './weightOrigins.js';

/** Less is computed again as fast as it is found. */
const LEAST_BYTES = 2 ** 24;

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
  const origins = originsOf(lowered.parameters.map(({ name, stored }) => [name, stored] as const));
  if (!origins) return undefined;
  const key = createHash('sha256')
    .update(JSON.stringify([program, origins]))
    .digest('hex');
  const { model, data, size } = moveWeightsOut(lowered, key);
  const path = await files.obtain(key, size, () => breathing(data()));
  return path === undefined ? undefined : { model, weightsFolder: dirname(path) };
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.js';
import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';
import type { TokenSet } from '../data/tokenSource.js';
import { InputError } from '../errors.js';
import type { StoredTensor } from '../graph/weights.js';

/** The tokens of a run's images, so that a continued run need not encode them again. */
const CACHE_FILE = 'tokens.safetensors';

function storedIntegers(shape: readonly number[], values: Int32Array): StoredTensor {
  return {
    dtype: 'i32',
    shape,
    read: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

function readIntegers(tensor: StoredTensor): Int32Array {
  return new Int32Array(tensor.read().slice().buffer);
}

/** @throws OutputError when it cannot be written. */
export function writeTokenCache(folder: string, { classIds, tokens, variants, positions }: TokenSet): void {
  const tensors = new Map([
    ['class_ids', storedIntegers([classIds.length], classIds)],
    ['tokens', storedIntegers([classIds.length, variants, positions], tokens)],
  ]);
  writeFileAtomically(join(folder, CACHE_FILE), serializeSafetensors(tensors, {}));
}

/** Whether the tokens are cached, so that the images are needed no more. */
export function hasTokenCache(folder: string): boolean {
  return existsSync(join(folder, CACHE_FILE));
}

/**
 * The cached tokens; undefined before they are written.
 * @throws InputError when the cache is damaged.
 */
export function readTokenCache(folder: string): TokenSet | undefined {
  const path = join(folder, CACHE_FILE);
  if (!existsSync(path)) return undefined;
  const { tensors } = openSafetensors(path);
  const [classIds, tokens] = [tensors.get('class_ids'), tensors.get('tokens')];
  if (classIds?.dtype !== 'i32' || tokens?.dtype !== 'i32' || tokens.shape.length !== 3)
    throw new InputError(`${path}: not a token cache; remove it to make it again`);
  const [images, variants, positions] = tokens.shape as [number, number, number];
  if (classIds.shape[0] !== images || images * variants * positions === 0)
    throw new InputError(`${path}: a token cache of another shape; remove it to make it again`);
  return { classIds: readIntegers(classIds), tokens: readIntegers(tokens), variants, positions };
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CodesForm, Tokens } from '../codes.js';
import { writeFileAtomically } from '../atomicFile.js';
import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';
import type { TokenSet } from '../data/tokenSource.js';
import { InputError } from '../errors.js';
import type { StoredTensor } from '../graph/weights.js';

/** The tokens of a run's images, so that a continued run need not encode them again. */
const CACHE_FILE = 'tokens.safetensors';

function storedNumbers(shape: readonly number[], values: Tokens): StoredTensor {
  return {
    dtype: values instanceof Float32Array ? 'f32' : 'i32',
    shape,
    read: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

function readIntegers(tensor: StoredTensor): Int32Array {
  return new Int32Array(tensor.read().slice().buffer);
}

function readNumbers(tensor: StoredTensor): Float32Array {
  return new Float32Array(tensor.read().slice().buffer);
}

/** @throws OutputError when it cannot be written. */
export function writeTokenCache(
  folder: string,
  { classIds, form, tokens, deviations, variants, positions }: TokenSet,
): void {
  const shape = [classIds.length, variants, positions, ...(form.kind === 'vectors' ? [form.channels] : [])];
  const tensors = new Map([
    ['class_ids', storedNumbers([classIds.length], classIds)],
    ['tokens', storedNumbers(shape, tokens)],
    ...(deviations ? [['deviations', storedNumbers(shape, deviations)] as const] : []),
  ]);
  writeFileAtomically(join(folder, CACHE_FILE), serializeSafetensors(tensors, {}));
}

/** Whether the tokens are cached, so that the images are needed no more. */
export function hasTokenCache(folder: string): boolean {
  return existsSync(join(folder, CACHE_FILE));
}

/**
 * The cached tokens; undefined before they are written.
 * @param form what they are, as the run's tokenizer makes them
 * @throws InputError when the cache is damaged.
 */
export function readTokenCache(folder: string, form: CodesForm): TokenSet | undefined {
  const path = join(folder, CACHE_FILE);
  if (!existsSync(path)) return undefined;
  const { tensors } = openSafetensors(path);
  const [classIds, tokens, deviations] = ['class_ids', 'tokens', 'deviations'].map((name) =>
    tensors.get(name),
  );
  const areVectors = form.kind === 'vectors';
  const [dtype, channels] = areVectors ? (['f32', [form.channels]] as const) : (['i32', []] as const);
  const fits = (tensor: StoredTensor) =>
    tensor.dtype === dtype && tensor.shape.slice(3).join() === channels.join();
  if (classIds?.dtype !== 'i32' || !tokens || !fits(tokens) || (deviations && !fits(deviations)))
    throw new InputError(`${path}: not a token cache; remove it to make it again`);
  const [images, variants, positions] = tokens.shape as [number, number, number];
  if (classIds.shape[0] !== images || images * variants * positions === 0)
    throw new InputError(`${path}: a token cache of another shape; remove it to make it again`);
  if (deviations && deviations.shape.join() !== tokens.shape.join())
    throw new InputError(`${path}: a token cache of another shape; remove it to make it again`);
  return {
    ...{ classIds: readIntegers(classIds), form, variants, positions },
    tokens: areVectors ? readNumbers(tokens) : readIntegers(tokens),
    ...(deviations && { deviations: readNumbers(deviations) }),
  };
}

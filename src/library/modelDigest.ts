import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../download/cache.js';
import { fileChecksum, isHex } from '../download/checksum.js';
import { InputError, systemReason } from '../errors.js';
import { type ResultStore, resultStore } from '../files/resultStore.js';

/** What decides what a model draws: its configurations and weights, not its class names or card. */
const HASHED_FILES = [
  'config.json',
  'model.safetensors',
  'tokenizer/config.json',
  'tokenizer/model.safetensors',
] as const;

/** Digests of files from this size on are kept: it takes a tenth of a second to find them. */
const KEPT_FROM = 64 * 2 ** 20;
const LIMITS = { bytesOfOne: 1024, bytesOfAll: 2 ** 20 };

/** Changes whenever somebody writes to the file, or puts another in its place. */
function identityOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const parts = [realpathSync(path), dev, ino, size, mtimeNs, ctimeNs];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

async function digestOf(path: string, store: ResultStore): Promise<string> {
  if (statSync(path).size < KEPT_FROM) return fileChecksum(path, 'sha256');
  const key = identityOf(path);
  const kept = Buffer.from(store.read(key) ?? []).toString('latin1');
  if (isHex(kept, 'sha256')) return kept;
  const digest = await fileChecksum(path, 'sha256');
  // A file that changed meanwhile is another one.
  if (identityOf(path) === key) store.write(key, Buffer.from(digest, 'latin1'));
  return digest;
}

/**
 * Tells models apart by what they draw with: a SHA-256 of their configurations and weights, wherever they lie. Some
 * seconds for each gigabyte, once: digests of large files are kept in the cache folder for as long as the files stay.
 * @throws InputError when the folder cannot be read.
 */
export async function modelDigest(
  folder: string,
  store: ResultStore = resultStore(join(cacheFolder(), 'digests'), LIMITS),
): Promise<string> {
  const hash = createHash('sha256');
  try {
    for (const name of HASHED_FILES) {
      const path = join(folder, name);
      if (statSync(path, { throwIfNoEntry: false })?.isFile())
        hash.update(`${name}\0${await digestOf(path, store)}\n`);
    }
  } catch (error) {
    throw new InputError(`${folder}: cannot be read: ${systemReason(error)}`, error);
  }
  return hash.digest('hex');
}

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { InputError, systemReason } from '../errors.js';

/** A file or stream that is read as a whole has at most so many bytes. */
export const MAX_INPUT_BYTES = 2 ** 28;
const CHUNK_BYTES = 1 << 20;
const MEGABYTE = 2 ** 20;

/** @throws InputError saying that a source is larger than what is read at once. */
export function refuseSize(source: string, limit: number): never {
  throw new InputError(`${source}: more than the ${limit / MEGABYTE} MiB that are read at once; split it`);
}

/**
 * All bytes of a stream whose length is not known, such as a pipe or a device.
 * @param read fills a chunk and returns how many bytes came; 0 at the end
 * @throws InputError when there are more than `limit`.
 */
export function readStream(read: (chunk: Uint8Array) => number, source: string, limit: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  const chunk = new Uint8Array(CHUNK_BYTES);
  let total = 0;
  for (;;) {
    const count = read(chunk);
    if (count === 0) return Buffer.concat(chunks, total);
    total += count;
    if (total > limit) refuseSize(source, limit);
    chunks.push(chunk.slice(0, count));
  }
}

/**
 * All bytes of a file. The size is checked before anything is allocated; a device or pipe is read up to the limit.
 * @throws InputError naming the file when it is larger, or cannot be read.
 */
export function readBounded(path: string, limit: number = MAX_INPUT_BYTES): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      const stats = fstatSync(file);
      if (stats.isFile() && stats.size > limit) refuseSize(path, limit);
      if (stats.isFile()) return readFileSync(file);
      return readStream((chunk) => readSync(file, chunk), path, limit);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { InputError, systemReason } from '../errors.js';

/** The most that one system call reads. */
const MAX_READ_BYTES = 1 << 30;
/** Where a file does not say how long it is, it is read in pieces of this size. */
const PIECE_BYTES = 1 << 16;

/**
 * Opens a file for the time that a function uses it.
 * @throws InputError naming the file for whatever the system says.
 */
function withFile<T>(path: string, use: (file: number, stats: Stats) => T): T {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return use(file, fstatSync(file));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * The number of bytes of a file that can be read at any place.
 * @throws InputError naming it when it is missing, or is a folder, a pipe or a device.
 */
export function regularFileSize(path: string): number {
  return withFile(path, (_, stats) => {
    if (stats.isDirectory()) throw new InputError(`${path}: it is a folder; name a file in it`);
    if (!stats.isFile()) throw new InputError(`${path}: it is a pipe or a device; give a regular file`);
    return stats.size;
  });
}

/**
 * Bytes of a file from an offset on.
 * @throws InputError naming the file when it cannot be read or ends before.
 */
export function readFileRange(path: string, offset: number, length: number): Uint8Array<ArrayBuffer> {
  return withFile(path, (file, { size }) => {
    if (!(length >= 0 && offset >= 0 && offset + length <= size))
      throw new InputError(`${path}: the file ends early; copy or download it again`);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(file, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
      if (count === 0) throw new InputError(`${path}: the file ends early; copy or download it again`);
      done += count;
    }
    return bytes;
  });
}

/**
 * All bytes of a file, or of what a pipe gives.
 * @param limit the most bytes that are read
 * @param kind what is expected, for messages
 * @throws InputError naming the file when it cannot be read or is longer.
 */
export function readSmallFile(path: string, limit: number, kind: string): Uint8Array {
  const tooLarge = () =>
    new InputError(`${path}: too large for ${kind}: more than ${Math.floor(limit / 2 ** 20)} MiB`);
  return withFile(path, (file, stats) => {
    if (stats.isFile() && stats.size > limit) throw tooLarge();
    const pieces: Uint8Array[] = [];
    for (let total = 0; ; ) {
      const piece = new Uint8Array(stats.isFile() ? Math.max(stats.size - total, 1) : PIECE_BYTES);
      const count = readSync(file, piece, 0, piece.length, null);
      if (count === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, count));
      total += count;
      if (total > limit) throw tooLarge();
    }
  });
}

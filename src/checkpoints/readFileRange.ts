import { closeSync, openSync, readSync } from 'node:fs';
import { InputError, systemReason } from '../errors.js';

/** The most that one system call reads. */
const MAX_READ_BYTES = 1 << 30;

/**
 * Bytes of a file from an offset on.
 * @throws InputError naming the file when it cannot be read or ends before.
 */
export function readFileRange(path: string, offset: number, length: number): Uint8Array<ArrayBuffer> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(file, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
      if (count === 0) throw new InputError(`${path}: the file ends early; copy or download it again`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

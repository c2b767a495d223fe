import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginPartial, endPartial, removeQuietly } from '../partialNames.js';
import { attempt, markUsed, tidy } from './keptFolder.js';
import { makeFolder } from './makeFolder.js';

/** Keeps results that can be computed again. What cannot be kept or read back is computed again. */
export interface ResultStore {
  /** The bytes last kept under a key; undefined where there are none, or none that are whole. */
  read(key: string): Uint8Array | undefined;
  write(key: string, bytes: Uint8Array): void;
}

/** Of a digest, which precedes what is kept. */
const DIGEST_BYTES = 32;
export interface StoreLimits {
  /** Larger results are not kept, nor read. */
  readonly bytesOfOne: number;
  /** Beyond this the results used longest ago go. */
  readonly bytesOfAll: number;
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function readWhole(path: string, limit: number): Buffer | undefined {
  const file = openSync(path, 'r');
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > limit + DIGEST_BYTES) return undefined;
    markUsed(path, status);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Keeps results in files of a folder, which processes may share: a file appears whole or not at all, and is passed over
 * when it was damaged since.
 * @param folder made when first written to; one that cannot be made, read or written keeps nothing
 */
export function resultStore(folder: string, { bytesOfOne, bytesOfAll }: StoreLimits): ResultStore {
  return {
    read(key) {
      const whole = attempt(() => readWhole(join(folder, key), bytesOfOne));
      if (!whole || whole.length < DIGEST_BYTES) return undefined;
      const bytes = whole.subarray(DIGEST_BYTES);
      return digestOf(bytes).equals(whole.subarray(0, DIGEST_BYTES)) ? bytes : undefined;
    },
    write(key, bytes) {
      if (bytes.length > bytesOfOne) return;
      const unfinished = beginPartial(folder);
      const kept = attempt(() => {
        makeFolder(folder, 0o700);
        writeFileSync(unfinished, Buffer.concat([digestOf(bytes), bytes]), { flag: 'wx', mode: 0o600 });
        renameSync(unfinished, join(folder, key));
        tidy(folder, bytesOfAll);
        return true;
      });
      if (!kept) removeQuietly(unfinished);
      endPartial(unfinished);
    },
  };
}

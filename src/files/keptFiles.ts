import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './makeFolder.js';
import { beginPartial, endPartial, removeQuietly } from '../partialNames.js';
import { attempt, markUsed, tidy } from './keptFolder.js';

/** Keeps large files that can be made again. */
export interface KeptFiles {
  /**
   * The path of the file kept under a key, made now where there is none.
   * @param size its bytes, which `chunks` come to
   * @returns undefined where it cannot be kept
   */
  obtain(key: string, size: number, chunks: () => AsyncIterable<Uint8Array>): Promise<string | undefined>;
  /** The path of the file of that size kept under a key; undefined where there is none. */
  find(key: string, size: number): string | undefined;
  /** A folder for somebody else to write a file in that is to be kept; undefined where there can be none. */
  workplace(): Workplace | undefined;
}

/** A folder beside kept files, which goes when the program stops. */
export interface Workplace {
  readonly folder: string;
  /**
   * Keeps the folder's file that is called like its key.
   * @returns its bytes, 0 where there is no such file; undefined where it cannot be kept
   */
  adopt(key: string): number | undefined;
  remove(): void;
}

/**
 * When a kept file says that it was last written to, in milliseconds since 1970: whoever writes to it later changes that.
 * To compare elements with a digest would take as long as many a picture.
 */
const SEAL = Date.UTC(2000, 0, 1);

function isWhole(path: string, size: number): boolean {
  const status = attempt(() => statSync(path));
  if (!status?.isFile() || status.size !== size || status.mtimeMs !== SEAL) return false;
  markUsed(path, status);
  return true;
}

/** Marks a file as it is kept, and has it survive a failure of the machine, which its name does. */
function seal(file: number): void {
  futimesSync(file, new Date(), new Date(SEAL));
  fsyncSync(file);
}

async function write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks)
      for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done);
    seal(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Keeps files in a folder, which processes may share: a file appears whole or not at all, and is made again when somebody
 * wrote to it since.
 * @param folder made when first written to
 * @param limit bytes of all, beyond which the files used longest ago go
 */
export function keptFiles(folder: string, limit: number): KeptFiles {
  const adopt = (from: string, key: string): number | undefined => {
    if (!existsSync(from)) return 0;
    const file = openSync(from, 'r+');
    try {
      const { size } = fstatSync(file);
      if (size > limit) return undefined;
      fchmodSync(file, 0o600);
      seal(file);
      renameSync(from, join(folder, key));
      return size;
    } finally {
      closeSync(file);
    }
  };
  return {
    find(key, size) {
      const path = join(folder, key);
      return isWhole(path, size) ? path : undefined;
    },
    workplace() {
      const place = beginPartial(folder);
      const made = attempt(() => {
        makeFolder(folder, 0o700);
        mkdirSync(place, 0o700);
        return true;
      });
      if (!made) {
        endPartial(place);
        return undefined;
      }
      return {
        folder: place,
        adopt(key) {
          const size = attempt(() => adopt(join(place, key), key));
          attempt(() => tidy(folder, limit));
          return size;
        },
        remove() {
          removeQuietly(place);
          endPartial(place);
        },
      };
    },
    async obtain(key, size, chunks) {
      const path = join(folder, key);
      if (isWhole(path, size)) return path;
      if (size > limit) return undefined;
      const unfinished = beginPartial(folder);
      try {
        makeFolder(folder, 0o700);
        await write(unfinished, chunks());
        renameSync(unfinished, path);
        attempt(() => tidy(folder, limit));
        return isWhole(path, size) ? path : undefined;
      } catch (error) {
        removeQuietly(unfinished);
        // No room, no permission: it goes without. What reading the weights reports is not for here.
        if ((error as NodeJS.ErrnoException).syscall !== undefined) return undefined;
        throw error;
      } finally {
        endPartial(unfinished);
      }
    },
  };
}

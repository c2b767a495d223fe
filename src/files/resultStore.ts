import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Keeps results that can be computed again. What cannot be kept or read back is computed again. */
export interface ResultStore {
  /** The bytes last kept under a key; undefined where there are none, or none that are whole. */
  read(key: string): Uint8Array | undefined;
  write(key: string, bytes: Uint8Array): void;
}

/** Of a digest, which precedes what is kept. */
const DIGEST_BYTES = 32;
/** A result that was used is marked so at most this often. */
export const MARK_AFTER_MS = 24 * 3600e3;
/** Files under other names were left by a process that ended while it wrote. */
const ABANDONED_AFTER_MS = 3600e3;

const KEY = /^[0-9a-f]{64}$/;

export interface StoreLimits {
  /** Larger results are not kept, nor read. */
  readonly bytesOfOne: number;
  /** Beyond this the results used longest ago go. */
  readonly bytesOfAll: number;
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/**
 * Makes a folder and those above it that are missing. Not by Node's own recursion, which never ends where a folder that
 * is there cannot hold others, as in /proc.
 * @throws the system's error where one cannot be made
 */
export function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(folder);
  if (above !== folder) makeFolders(above);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it just now.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function readWhole(path: string, limit: number): Buffer | undefined {
  const file = openSync(path, 'r');
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > limit + DIGEST_BYTES) return undefined;
    if (Date.now() - status.mtimeMs > MARK_AFTER_MS) attempt(() => utimesSync(path, new Date(), new Date()));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Removes what a process left unfinished, and results beyond the limit, those used longest ago first. */
export function tidy(folder: string, limit: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const status = attempt(() => statSync(join(folder, name)));
    return status?.isFile() ? [{ name, size: status.size, usedAt: status.mtimeMs }] : [];
  });
  let total = 0;
  for (const { name, size, usedAt } of files.sort((a, b) => b.usedAt - a.usedAt)) {
    const isResult = KEY.test(name);
    if (isResult) total += size;
    const goes = isResult ? total > limit : Date.now() - usedAt > ABANDONED_AFTER_MS;
    if (goes) attempt(() => rmSync(join(folder, name)));
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
      const unfinished = join(folder, `${key}.${process.pid}.${randomBytes(4).toString('hex')}`);
      const kept = attempt(() => {
        makeFolders(folder);
        writeFileSync(unfinished, Buffer.concat([digestOf(bytes), bytes]), { flag: 'wx', mode: 0o600 });
        renameSync(unfinished, join(folder, key));
        tidy(folder, bytesOfAll);
        return true;
      });
      if (!kept) attempt(() => rmSync(unfinished, { force: true }));
    },
  };
}

import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, systemReason } from '../errors.js';

/** What file managers and other programs leave in folders. */
export const STRAY_NAMES = /^(\..*|__MACOSX|@eaDir|Thumbs\.db|desktop\.ini)$/;

/** Of so many files, spread over all, the beginnings count too. */
const SAMPLED_FILES = 1000;
const SAMPLED_BYTES = 1 << 16;

interface FoundFile {
  /** Below the folder, with slashes. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** All files below a path that count, in the order of their names; links are followed, to each folder once. */
function filesBelow(path: string, counts: (name: string) => boolean): readonly FoundFile[] {
  const found: FoundFile[] = [];
  // Each real folder counts once, so that a web of links takes no longer than its folders.
  const seen = new Set<string>();
  const visit = (current: string, name: string): void => {
    const status = statSync(current, { throwIfNoEntry: false });
    if (status?.isFile()) found.push({ name, path: current, bytes: status.size });
    if (!status?.isDirectory()) return;
    const real = realpathSync(current);
    if (seen.has(real)) return;
    seen.add(real);
    for (const inner of readdirSync(current).sort())
      if (counts(inner)) visit(join(real, inner), name === '' ? inner : `${name}/${inner}`);
  };
  visit(path, '');
  return found;
}

function firstBytes(path: string): Uint8Array {
  const bytes = new Uint8Array(SAMPLED_BYTES);
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * Tells whether two files or folders hold the same, wherever they lie: from the names and sizes of all files and the
 * first bytes of up to a thousand of them. So it takes no longer than listing them.
 * @param counts whether files and folders of a name belong to it
 * @throws InputError naming the path when there is none or it cannot be read.
 */
export function fingerprint(path: string, counts: (name: string) => boolean): string {
  try {
    statSync(path);
    const files = filesBelow(path, counts);
    const every = Math.max(1, Math.ceil(files.length / SAMPLED_FILES));
    const hash = createHash('sha256');
    for (const [index, { name, path: own, bytes }] of files.entries()) {
      hash.update(`${name}\0${bytes}\0`);
      if (index % every === 0) hash.update(firstBytes(own));
    }
    return hash.digest('hex');
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

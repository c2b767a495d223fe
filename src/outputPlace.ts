import { accessSync, constants, lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Where output goes that is to be at a path. */
export type OutputPlace =
  /** A file, new or regular: it can be written beside its place first. */
  | { readonly kind: 'file'; readonly path: string; readonly existing: Stats | undefined }
  /** A device, a FIFO, or a file in a folder where nothing can be put beside it. */
  | { readonly kind: 'direct'; readonly path: string }
  /** A file that this process has open, such as `/dev/stdout`. */
  | { readonly kind: 'descriptor'; readonly descriptor: number };

/** As many as Linux follows. */
const MAX_LINKS = 40;

const DESCRIPTOR = new RegExp(`^/(?:dev|proc/(?:self|${process.pid}))/fd/(\\d+)$`);

/** An error as the system gives it. */
function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'open' });
}

function descriptorOf(path: string): number | undefined {
  const digits = DESCRIPTOR.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The path that a path's links lead to in the end, whether there is something or not.
 * @throws the system's error.
 */
export function followLinks(path: string): string {
  let current = resolve(path);
  for (let links = 0; links <= MAX_LINKS; links++) {
    if (descriptorOf(current) !== undefined) return current;
    if (!lstatSync(current, { throwIfNoEntry: false })?.isSymbolicLink()) return current;
    current = resolve(realpathSync(dirname(current)), readlinkSync(current));
  }
  throw systemError('ELOOP');
}

/** @throws the system's error when folders and a file cannot be made at a path where there is nothing. */
function requireCreatable(path: string): void {
  const missing: string[] = [];
  let folder = path;
  for (;;) {
    const above = dirname(folder);
    missing.push(basename(folder));
    folder = above;
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats && !stats.isDirectory()) throw systemError('ENOTDIR');
    if (stats || above === dirname(above)) break;
  }
  accessSync(folder, constants.W_OK | constants.X_OK);
  // The system says of each name alone whether it is too long.
  for (const name of missing) lstatSync(join(folder, name), { throwIfNoEntry: false });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where output for a path goes. Nothing is opened or made.
 * @throws the system's error when nothing can be written there.
 */
export function outputPlace(path: string): OutputPlace {
  const final = followLinks(path);
  const descriptor = descriptorOf(final);
  if (descriptor !== undefined) return { kind: 'descriptor', descriptor };
  const existing = statSync(final, { throwIfNoEntry: false });
  if (!existing) {
    requireCreatable(final);
    return { kind: 'file', path: final, existing };
  }
  if (path.endsWith('/') && !existing.isDirectory()) throw systemError('ENOTDIR');
  if (existing.isDirectory()) throw systemError('EISDIR');
  accessSync(final, constants.W_OK);
  return existing.isFile() && isWritable(dirname(final))
    ? { kind: 'file', path: final, existing }
    : { kind: 'direct', path: final };
}

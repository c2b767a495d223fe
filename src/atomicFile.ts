import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { OutputError, systemReason } from './errors.js';

/** Output that is not complete yet. */
const partialOutput = new Set<string>();

/** Removes what is half written; for a program that is being stopped. */
export function removePartialOutput(): void {
  for (const path of partialOutput) rmSync(path, { recursive: true, force: true });
  partialOutput.clear();
}

/** A name beside the final one, for output that is not complete yet. */
function temporaryName(path: string): string {
  const name = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.partial`);
  partialOutput.add(name);
  return name;
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function outputError(path: string, error: unknown): unknown {
  const isSystem = (error as NodeJS.ErrnoException | undefined)?.syscall !== undefined;
  return isSystem ? new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error) : error;
}

function writeFully(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done);
}

/** A file that is written beside its place and then renamed. */
class PartialFile {
  private readonly path: string;
  private readonly final: string;
  private readonly temporary: string;
  private file: number | undefined;

  constructor(path: string) {
    this.path = path;
    this.final = resolve(path);
    this.temporary = temporaryName(this.final);
  }

  append(bytes: Uint8Array): void {
    this.file ??= openSync(this.temporary, 'wx');
    writeFully(this.file, bytes);
  }

  /** Gives the file its name once it is safely on the disk. */
  publish(): void {
    this.append(new Uint8Array());
    fsyncSync(this.file!);
    this.close();
    renameSync(this.temporary, this.final);
    syncFolder(dirname(this.final));
    partialOutput.delete(this.temporary);
  }

  /** Removes what was written and tells why. */
  abandon(error: unknown): unknown {
    this.close();
    rmSync(this.temporary, { force: true });
    partialOutput.delete(this.temporary);
    return outputError(this.path, error);
  }

  private close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

/**
 * Writes a file so that the path holds either all of it or what it held before: beside it first, then renamed.
 * @param chunks made one by one, so that large files need not be in memory
 * @throws OutputError naming the path when the system refuses.
 */
export function writeFileAtomically(path: string, chunks: Iterable<Uint8Array>): void {
  const partial = new PartialFile(path);
  try {
    for (const chunk of chunks) partial.append(chunk);
    partial.publish();
  } catch (error) {
    throw partial.abandon(error);
  }
}

/**
 * The same for chunks that come one after another from a stream.
 * @throws OutputError naming the path when the system refuses.
 */
export async function writeStreamAtomically(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const partial = new PartialFile(path);
  try {
    for await (const chunk of chunks) partial.append(chunk);
    partial.publish();
  } catch (error) {
    throw partial.abandon(error);
  }
}

/**
 * Fills a folder that appears complete or not at all.
 * @param fill writes into the folder it is given
 * @throws OutputError when the folder exists already or the system refuses.
 */
export async function writeFolderAtomically(
  path: string,
  fill: (folder: string) => Promise<void> | void,
): Promise<void> {
  const final = resolve(path);
  if (existsSync(final))
    throw new OutputError(`${path}: it already exists; remove it or choose another name`);
  const temporary = temporaryName(final);
  try {
    mkdirSync(temporary);
    await fill(temporary);
    renameSync(temporary, final);
    syncFolder(dirname(final));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw outputError(path, error);
  } finally {
    partialOutput.delete(temporary);
  }
}

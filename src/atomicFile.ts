import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { OutputError, systemReason } from './errors.js';
import { type DirectPlace, writeDirectly, writeFully } from './directOutput.js';
import { makeFolder } from './files/makeFolder.js';
import { followLinks, type OutputPlace, outputPlace } from './outputPlace.js';
import { beginPartial, endPartial, removeQuietly } from './partialNames.js';

/** Makes a new name in a folder safe; where the folder cannot be opened for that, the system does it in time. */
function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, 'r');
  } catch {
    return;
  }
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

/** A file that is written beside its place and then renamed. It has the mode and owner of the one it replaces. */
class AtomicFile {
  private readonly final: string;
  private readonly existing: Stats | undefined;
  private readonly temporary: string;
  private file: number | undefined;

  constructor(final: string, existing: Stats | undefined) {
    this.final = final;
    this.existing = existing;
    this.temporary = beginPartial(dirname(final));
  }

  /** Adds a chunk. */
  append(bytes: Uint8Array): void {
    this.file ??= this.open();
    writeFully(this.file, bytes);
  }

  private open(): number {
    if (!this.existing) {
      makeFolder(dirname(this.final));
      return openSync(this.temporary, 'wx');
    }
    const file = openSync(this.temporary, 'wx', 0o600);
    const { uid, gid, mode } = this.existing;
    try {
      fchownSync(file, uid, gid);
    } catch {
      // Only the superuser may give files away.
    }
    fchmodSync(file, mode & 0o7777);
    return file;
  }

  /** Called once, after the last chunk: gives the file its name once it is safely on the disk. */
  publish(): void {
    this.append(new Uint8Array());
    fsyncSync(this.file!);
    this.close();
    renameSync(this.temporary, this.final);
    syncFolder(dirname(this.final));
    endPartial(this.temporary);
  }

  /** Called once instead when something fails. */
  abandon(): void {
    const isThere = this.file !== undefined || existsSync(this.temporary);
    this.close();
    if (isThere) removeQuietly(this.temporary);
    endPartial(this.temporary);
  }

  private close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

/**
 * Finds out before any work whether a file can be written at a path. Nothing is opened or made.
 * @throws OutputError naming the path.
 */
export function checkWritable(path: string): void {
  try {
    outputPlace(path);
  } catch (error) {
    throw outputError(path, error);
  }
}

/**
 * Writes a file of the program's own so that the path holds either all of it or what it held before: beside it first, then
 * renamed. Links are followed, and missing folders made.
 * @param chunks made one by one, so that large files need not be in memory
 * @throws OutputError naming the path when the system refuses, or when there is something that is no regular file.
 */
export function writeFileAtomically(path: string, chunks: Iterable<Uint8Array>): void {
  let output: AtomicFile | undefined;
  try {
    const place = outputPlace(path);
    if (place.kind !== 'file') throw new OutputError(`${path}: cannot be written: it is no regular file`);
    output = new AtomicFile(place.path, place.existing);
    for (const chunk of chunks) output.append(chunk);
    output.publish();
  } catch (error) {
    output?.abandon();
    throw outputError(path, error);
  }
}

/**
 * Writes output to where a user wants it: a file as {@link writeFileAtomically} does; what is no regular file, such as a
 * device or a FIFO, and a file in a folder where nothing can be put beside it, as the chunks come.
 * @throws OutputError naming the path when the system refuses.
 */
export async function writeOutputFile(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    const place = outputPlace(path);
    await (place.kind === 'file' ? writeBeside(place, chunks) : writeDirectly(place, chunks));
  } catch (error) {
    throw outputError(path, error);
  }
}

async function writeBeside(
  place: Exclude<OutputPlace, DirectPlace>,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const output = new AtomicFile(place.path, place.existing);
  try {
    for await (const chunk of chunks) output.append(chunk);
    output.publish();
  } catch (error) {
    output.abandon();
    throw error;
  }
}

/** What went wrong while a folder was filled, by the name that the folder was to have. */
function folderError(path: string, temporary: string, error: unknown): unknown {
  if (!(error instanceof OutputError)) return outputError(path, error);
  return error.message.includes(temporary)
    ? new OutputError(error.message.replaceAll(temporary, path), error)
    : error;
}

/**
 * Fills a folder that appears complete or not at all. Links are followed, and missing folders above it made.
 * @param fill writes into the folder it is given
 * @throws OutputError when the folder exists already or the system refuses.
 */
export async function writeFolderAtomically(
  path: string,
  fill: (folder: string) => Promise<void> | void,
): Promise<void> {
  if (existsSync(path)) throw new OutputError(`${path}: it already exists; remove it or choose another name`);
  let temporary = '';
  try {
    outputPlace(path);
    const final = followLinks(path);
    makeFolder(dirname(final));
    temporary = beginPartial(dirname(final));
    mkdirSync(temporary);
    await fill(temporary);
    renameSync(temporary, final);
    syncFolder(dirname(final));
  } catch (error) {
    if (temporary !== '') removeQuietly(temporary);
    throw folderError(path, temporary, error);
  } finally {
    endPartial(temporary);
  }
}

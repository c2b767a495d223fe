import { accessSync, constants, statSync } from 'node:fs';
import { checkWritable, writeOutputFile } from '../atomicFile.js';
import { writeToStdout } from '../directOutput.js';
import { EXIT_CODES, InputError, OutputError, systemReason, UsageError } from '../errors.js';
import { MAX_INPUT_BYTES, readBounded, refuseSize } from '../index.js';
import { printMessage, terminalText } from './terminal.js';

/** The name that stands for stdin or stdout. */
export const STREAM = '-';

/**
 * All bytes of a file, or of stdin for `-`: at most `MAX_INPUT_BYTES`. Signals are heard while stdin is waited for.
 * @throws InputError naming the source.
 */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path !== STREAM) return readBounded(path);
  const source = inputName(path);
  if (process.stdin.isTTY) printMessage('reading from the terminal: paste the input and end it with Ctrl-D');
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      total += chunk.length;
      if (total > MAX_INPUT_BYTES) refuseSize(source, MAX_INPUT_BYTES);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${source}: cannot be read: ${systemReason(error)}`, error);
  }
  return Buffer.concat(chunks, total);
}

/** What messages call an input. */
export function inputName(path: string): string {
  return path === STREAM ? 'stdin' : path;
}

/**
 * Writes to stdout at once; signals are heard while whoever reads it takes its time. Ends the program quietly when the
 * reader has gone.
 * @throws OutputError when the system refuses, for example because the disk behind a redirection is full.
 */
export async function writeStdout(bytes: Uint8Array | string): Promise<void> {
  const data =
    typeof bytes === 'string'
      ? new TextEncoder().encode(process.stdout.isTTY ? terminalText(bytes) : bytes)
      : bytes;
  try {
    await writeToStdout(data);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(EXIT_CODES.done);
    throw new OutputError(`stdout: cannot be written: ${systemReason(error)}`, error);
  }
}

/**
 * Refuses to print binary data on a terminal.
 * @throws UsageError with what to do instead.
 */
export function requireBinaryOutput(path: string | undefined): void {
  if ((path === undefined || path === STREAM) && process.stdout.isTTY)
    throw new UsageError('the output is a picture: name a file with -o, or pipe it into another program');
}

/**
 * Finds out before any work whether a file can be written at a path, or files in the folder there.
 * @throws OutputError naming the path.
 */
export function checkOutput(path: string | undefined): void {
  if (path === undefined || path === STREAM) return;
  try {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (isFolder) accessSync(path, constants.W_OK | constants.X_OK);
    else checkWritable(path);
  } catch (error) {
    if (error instanceof OutputError) throw error;
    throw new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error);
  }
}

/**
 * Writes a file as a whole, or to stdout for `-` or no name.
 * @throws OutputError naming the path when the system refuses.
 */
export async function writeOutput(path: string | undefined, bytes: Uint8Array | string): Promise<void> {
  if (path === undefined || path === STREAM) await writeStdout(bytes);
  else await writeOutputFile(path, [typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes]);
}

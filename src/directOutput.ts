import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OutputPlace } from './outputPlace.js';

export type DirectPlace = Exclude<OutputPlace, { readonly kind: 'file' }>;

/** How often the other end of a pipe is asked whether it goes on. */
const RETRY_MILLISECONDS = 2;
const STDOUT = 1;

/** Writes all bytes to an open file that never makes the writer wait. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
}

/** Does what a slow reader may refuse for now, again and again; signals and timers are heard meanwhile. */
async function untilPossible<T>(
  attempt: () => T,
  isForNow: (code: string | undefined) => boolean,
): Promise<T> {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isForNow((error as NodeJS.ErrnoException).code)) throw error;
      await sleep(RETRY_MILLISECONDS);
    }
  }
}

/** Writes all bytes to an open file, which may be a non-blocking pipe whose reader takes its time. */
async function writePatiently(file: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += await untilPossible(
      () => writeSync(file, bytes, done, bytes.length - done),
      (code) => code === 'EAGAIN',
    );
}

/** Opens a device, or a FIFO once somebody reads it, so that writing never blocks the process. */
function openWithoutBlocking(path: string): Promise<number> {
  const isFifo = statSync(path).isFIFO();
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | (isFifo ? 0 : constants.O_TRUNC);
  return untilPossible(
    () => openSync(path, flags),
    (code) => isFifo && code === 'ENXIO',
  );
}

/** The same pipe as one that is open already, without its blocking; the given one where the system has no such way. */
function reopenWithoutBlocking(descriptor: number): number {
  if (descriptor === STDOUT) {
    // To ask for the stream is what makes its pipe or socket non-blocking; on exit it is put back.
    void process.stdout;
    return descriptor;
  }
  if (!fstatSync(descriptor).isFIFO()) return descriptor;
  try {
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

/**
 * Writes chunks straight to where they go, as they come. The process is never blocked: while whoever reads takes its time,
 * signals are heard.
 * @throws the system's error.
 */
export async function writeDirectly(
  place: DirectPlace,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  let file: number | undefined;
  const open = async () =>
    place.kind === 'direct' ? openWithoutBlocking(place.path) : reopenWithoutBlocking(place.descriptor);
  try {
    for await (const chunk of chunks) {
      file ??= await open();
      await writePatiently(file, chunk);
    }
    file ??= await open();
  } finally {
    // What this process had open before is not closed here.
    if (file !== undefined && !(place.kind === 'descriptor' && file === place.descriptor)) closeSync(file);
  }
}

/** Writes to stdout, whatever it is. @throws the system's error. */
export function writeToStdout(bytes: Uint8Array): Promise<void> {
  return writeDirectly({ kind: 'descriptor', descriptor: STDOUT }, [bytes]);
}

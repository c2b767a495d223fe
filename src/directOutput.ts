import { closeSync, openSync, writeSync } from 'node:fs';
import type { OutputPlace } from './outputPlace.js';

const RETRY_MILLISECONDS = 5;

/** Waits a little for the other end of a non-blocking pipe. */
export function waitBriefly(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLISECONDS);
}

/** Writes all bytes to an open file, which may be a non-blocking pipe. */
export function writeFully(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(file, bytes, done, bytes.length - done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      waitBriefly();
    }
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does what may wait for another process without end, such as writing to a pipe that nobody reads. The program's own
 * handling of signals would wait, too, so the system handles them meanwhile.
 */
export function whileSystemStops<T>(work: () => T): T {
  const listeners = SIGNALS.map((signal) => ({ signal, own: process.rawListeners(signal) }));
  for (const { signal } of listeners) process.removeAllListeners(signal);
  try {
    return work();
  } finally {
    for (const { signal, own } of listeners)
      for (const listener of own) process.on(signal, listener as NodeJS.SignalsListener);
  }
}

/** Output written straight to where it goes, as it comes. */
class DirectOutput {
  private readonly place: Exclude<OutputPlace, { readonly kind: 'file' }>;
  private file: number | undefined;

  constructor(place: Exclude<OutputPlace, { readonly kind: 'file' }>) {
    this.place = place;
  }

  append(bytes: Uint8Array): void {
    this.file ??= this.open();
    const file = this.file;
    whileSystemStops(() => writeFully(file, bytes));
  }

  private open(): number {
    if (this.place.kind === 'descriptor') return this.place.descriptor;
    const { path } = this.place;
    // A FIFO waits for whoever reads it.
    return whileSystemStops(() => openSync(path, 'w'));
  }

  publish(): void {
    this.append(new Uint8Array());
    this.abandon();
  }

  abandon(): void {
    // What this process has open besides is not closed here.
    if (this.place.kind === 'direct' && this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

/** Opens, when the first bytes come, what cannot be written beside its place. */
export function openDirectly(place: Exclude<OutputPlace, { readonly kind: 'file' }>): DirectOutput {
  return new DirectOutput(place);
}

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Response } from 'undici';
import { InputError, NetworkError, OutputError, systemReason } from '../errors.js';
import { takeLock } from '../fileLock.js';
import { beginPartial, endPartial, removeQuietly } from '../partialNames.js';
import { type Checksum, fileChecksum } from './checksum.js';
import type { HttpOptions } from './httpOptions.js';
import { networkReason, PassingFailure, request, StallTimer } from './http.js';

export interface DownloadOptions extends HttpOptions {
  /** Bytes that the file must have, where known. */
  readonly size?: number;
  readonly checksum?: Checksum;
  /** Most bytes that are taken, whatever the server says (default 64 GiB). */
  readonly maxBytes?: number;
  /** Tries in a row that bring nothing new before giving up. */
  readonly attempts?: number;
  /** Wait before the second try; it doubles from try to try. */
  readonly backoffSeconds?: number;
  /** Hears how many bytes are there, and how many there will be where the server says so. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
}

/** More than any published model of this kind, with its optimiser's state. */
export const MAX_DOWNLOAD_BYTES = 64 * 2 ** 30;

const DEFAULT_ATTEMPTS = 5;
const DEFAULT_BACKOFF_SECONDS = 0.5;
const MAX_BACKOFF_SECONDS = 8;

/** What is remembered beside an unfinished file: that it can be continued only where it is still the same. */
interface PartialState {
  readonly url: string;
  /** A strong entity tag or a date. */
  readonly validator: string;
}

/** Where an unfinished file and what is remembered of it lie. */
interface PartialFiles {
  readonly partial: string;
  readonly state: string;
}

/** Unfinished files that are this process' alone. */
interface OwnPartial extends PartialFiles {
  /** Lets others have them. */
  readonly leave: () => void;
}

const partialFiles = (path: string): PartialFiles => ({
  partial: `${path}.partial`,
  state: `${path}.partial.json`,
});

/** What an earlier try left, where no other process is at work on it; undefined otherwise. */
function claimKept(path: string): OwnPartial | undefined {
  try {
    const lock = takeLock(`${path}.partial.lock`);
    return 'release' in lock ? { ...partialFiles(path), leave: lock.release } : undefined;
  } catch {
    // Some systems have no links; whether the folder can be written, what follows will tell.
    return undefined;
  }
}

/** Files beside those that another process is at work on; they go when they are left. */
function beginOwn(path: string): OwnPartial {
  const folder = beginPartial(dirname(path));
  mkdirSync(folder);
  return {
    ...partialFiles(join(folder, 'file')),
    leave: () => {
      removeQuietly(folder);
      endPartial(folder);
    },
  };
}

function discardPartial({ partial, state }: PartialFiles): void {
  rmSync(partial, { force: true });
  rmSync(state, { force: true });
}

/** How much is there already, if it can be continued. */
function readPartial(
  { partial, state: place }: PartialFiles,
  url: string,
): { readonly bytes: number; readonly validator: string } {
  try {
    const state = JSON.parse(readFileSync(place, 'utf8')) as PartialState;
    const bytes = statSync(partial).size;
    if (state.url === url && typeof state.validator === 'string')
      return { bytes, validator: state.validator };
  } catch {
    // Nothing there, or not whole: start anew.
  }
  return { bytes: 0, validator: '' };
}

/** What tells this version of the file from others; only strong tags are good for ranges. */
function validatorOf(response: Response): string {
  const tag = response.headers.get('etag') ?? '';
  return tag !== '' && !tag.startsWith('W/') ? tag : (response.headers.get('last-modified') ?? '');
}

/** The whole file's size, and where in it the body starts. */
function placeOf(
  response: Response,
  asked: number,
): { readonly start: number; readonly total: number | undefined } {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 206 && range) {
    const start = Number(range[1]);
    if (start !== asked) throw new PassingFailure(`the server sent byte ${start} on instead of ${asked} on`);
    return { start, total: range[3] === '*' ? undefined : Number(range[3]) };
  }
  const length = /^\d+$/.exec(response.headers.get('content-length') ?? '')?.[0];
  return { start: 0, total: length === undefined ? undefined : Number(length) };
}

/** Writes a body to the end of an open file. @returns the bytes written */
async function appendBody(
  response: Response,
  file: number,
  stall: StallTimer,
  limit: number,
  onBytes: (count: number) => void,
): Promise<number> {
  let written = 0;
  try {
    for await (const chunk of response.body ?? []) {
      stall.restart();
      const bytes = chunk as Uint8Array;
      if (written + bytes.length > limit) throw new InputError('more bytes came than announced or allowed');
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      written += bytes.length;
      onBytes(written);
    }
  } catch (error) {
    const isSystem = (error as NodeJS.ErrnoException).syscall === 'write';
    if (isSystem || error instanceof InputError) throw error;
    throw new PassingFailure(networkReason(error));
  }
  return written;
}

/** One try: continues what is there. @returns whether the file is whole */
async function tryOnce(url: string, files: PartialFiles, options: DownloadOptions): Promise<boolean> {
  const known = readPartial(files, url);
  const stall = new StallTimer(options.timeoutSeconds);
  try {
    const range = known.bytes > 0 ? { range: `bytes=${known.bytes}-`, 'if-range': known.validator } : {};
    const response = await request(url, range, options, stall.signal);
    if (response.status === 416) {
      await response.body?.cancel();
      const total = Number(/\*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
      if (total === known.bytes) return true;
      discardPartial(files);
      throw new PassingFailure('what was there before does not fit the file');
    }
    const { start, total } = placeOf(response, known.bytes);
    if (options.size !== undefined && total !== undefined && total !== options.size) {
      await response.body?.cancel();
      throw new InputError(`${url}: the server offers ${total} bytes where ${options.size} are expected`);
    }
    const maxBytes = options.size ?? options.maxBytes ?? MAX_DOWNLOAD_BYTES;
    if (total !== undefined && total > maxBytes) {
      await response.body?.cancel();
      throw new InputError(`${url}: ${total} bytes are more than the ${maxBytes} that are taken`);
    }
    const validator = validatorOf(response);
    if (start === 0) {
      discardPartial(files);
      if (validator !== '') writeFileSync(files.state, JSON.stringify({ url, validator }));
    }
    const file = openSync(files.partial, 'a');
    try {
      truncateSync(files.partial, start);
      const whole = total ?? options.size;
      const limit = (whole ?? maxBytes) - start;
      const written = await appendBody(response, file, stall, limit, (count) =>
        options.onProgress?.(start + count, whole),
      );
      if (whole !== undefined && start + written < whole)
        throw new PassingFailure(`the connection ended after ${start + written} of ${whole} bytes`);
      fsyncSync(file);
    } catch (error) {
      // More than announced: none of it can be trusted.
      if (error instanceof InputError) discardPartial(files);
      throw error;
    } finally {
      closeSync(file);
    }
    return true;
  } finally {
    stall.stop();
  }
}

/** Checks a whole file. @throws InputError after removing it when it is not what was asked for. */
async function verify(url: string, files: PartialFiles, { size, checksum }: DownloadOptions): Promise<void> {
  const { partial } = files;
  const bytes = statSync(partial).size;
  if (size !== undefined && bytes !== size) {
    discardPartial(files);
    throw new InputError(`${url}: ${bytes} bytes came where ${size} are expected`);
  }
  if (!checksum) return;
  const actual = await fileChecksum(partial, checksum.kind);
  if (actual === checksum.hex.toLowerCase()) return;
  discardPartial(files);
  throw new InputError(
    `${url}: the bytes that came are not those of the file: checksum ${actual}, expected ${checksum.hex}; try again or another source`,
  );
}

/**
 * Downloads a file. What an earlier try left is continued by a range request; a cut, silent or overloaded server is tried
 * again. The path holds the whole, checked file or nothing; an unfinished one lies beside it for the next time. Of
 * processes that download the same at once, each has its own, and the last one's stays.
 * @throws InputError naming the URL, NetworkError where the server does not answer as it should, OutputError naming the
 *   path.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const { attempts = DEFAULT_ATTEMPTS, backoffSeconds = DEFAULT_BACKOFF_SECONDS } = options;
  let files: OwnPartial | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const own = claimKept(path) ?? beginOwn(path);
    files = own;
    const there = () => statSync(own.partial, { throwIfNoEntry: false })?.size ?? 0;
    let failures = 0;
    for (;;) {
      const before = there();
      try {
        await tryOnce(url, own, options);
        break;
      } catch (error) {
        if (!(error instanceof PassingFailure)) throw error;
        failures = there() > before ? 1 : failures + 1;
        if (failures >= attempts)
          throw new NetworkError(
            `${url}: cannot be downloaded: ${error.message}; run the command again to continue`,
            error,
          );
        await wait(Math.min(MAX_BACKOFF_SECONDS, backoffSeconds * 2 ** (failures - 1)) * 1000);
      }
    }
    await verify(url, own, options);
    renameSync(own.partial, path);
    rmSync(own.state, { force: true });
  } catch (error) {
    if (error instanceof InputError)
      throw error.message.startsWith(url) ? error : new InputError(`${url}: ${error.message}`, error);
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error);
    throw error;
  } finally {
    files?.leave();
  }
}

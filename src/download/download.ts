import {
  closeSync,
  existsSync,
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
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Response } from 'undici';
import { InputError, NetworkError, OutputError, systemReason } from '../errors.js';
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

const partialPath = (path: string) => `${path}.partial`;
const statePath = (path: string) => `${path}.partial.json`;

function discardPartial(path: string): void {
  rmSync(partialPath(path), { force: true });
  rmSync(statePath(path), { force: true });
}

/** How much is there already, if it can be continued. */
function readPartial(path: string, url: string): { readonly bytes: number; readonly validator: string } {
  try {
    const state = JSON.parse(readFileSync(statePath(path), 'utf8')) as PartialState;
    const bytes = statSync(partialPath(path)).size;
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
async function tryOnce(url: string, path: string, options: DownloadOptions): Promise<boolean> {
  const partial = readPartial(path, url);
  const stall = new StallTimer(options.timeoutSeconds);
  try {
    const range =
      partial.bytes > 0 ? { range: `bytes=${partial.bytes}-`, 'if-range': partial.validator } : {};
    const response = await request(url, range, options, stall.signal);
    if (response.status === 416) {
      await response.body?.cancel();
      const total = Number(/\*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
      if (total === partial.bytes) return true;
      discardPartial(path);
      throw new PassingFailure('what was there before does not fit the file');
    }
    const { start, total } = placeOf(response, partial.bytes);
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
      discardPartial(path);
      if (validator !== '') writeFileSync(statePath(path), JSON.stringify({ url, validator }));
    }
    const file = openSync(partialPath(path), 'a');
    try {
      truncateSync(partialPath(path), start);
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
      if (error instanceof InputError) discardPartial(path);
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
async function verify(url: string, path: string, { size, checksum }: DownloadOptions): Promise<void> {
  const partial = partialPath(path);
  const bytes = statSync(partial).size;
  if (size !== undefined && bytes !== size) {
    discardPartial(path);
    throw new InputError(`${url}: ${bytes} bytes came where ${size} are expected`);
  }
  if (!checksum) return;
  const actual = await fileChecksum(partial, checksum.kind);
  if (actual === checksum.hex.toLowerCase()) return;
  discardPartial(path);
  throw new InputError(
    `${url}: the bytes that came are not those of the file: checksum ${actual}, expected ${checksum.hex}; try again or another source`,
  );
}

/**
 * Downloads a file. What an earlier try left is continued by a range request; a cut, silent or overloaded server is tried
 * again. The path holds the whole, checked file or nothing; an unfinished one lies beside it for the next time.
 * @throws InputError naming the URL, NetworkError where the server does not answer as it should, OutputError naming the
 *   path.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  const { attempts = DEFAULT_ATTEMPTS, backoffSeconds = DEFAULT_BACKOFF_SECONDS } = options;
  const there = () => (existsSync(partialPath(path)) ? statSync(partialPath(path)).size : 0);
  try {
    mkdirSync(dirname(path), { recursive: true });
    let failures = 0;
    for (;;) {
      const before = there();
      try {
        await tryOnce(url, path, options);
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
    await verify(url, path, options);
    renameSync(partialPath(path), path);
    rmSync(statePath(path), { force: true });
  } catch (error) {
    if (error instanceof InputError)
      throw error.message.startsWith(url) ? error : new InputError(`${url}: ${error.message}`, error);
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error);
    throw error;
  }
}

import { createInflate } from 'node:zlib';
import { PNG } from 'pngjs';
import { InputError } from '../errors.js';
import type { RgbaImage } from './pixels.js';
import { joinPng, parsePng, type PngFile } from './pngFile.js';

const CHUNK_BYTES = 1 << 16;

/** What unpacking came to: the bytes that came out, and the packed ones that they took. */
interface Unpacked {
  readonly bytes: number;
  readonly taken: number;
}

/** Unpacks without keeping anything, and stops when more than `limit` bytes come out. */
async function measureUnpacked(packed: Uint8Array, limit: number): Promise<Unpacked> {
  const inflate = createInflate({ chunkSize: CHUNK_BYTES });
  inflate.end(packed);
  let bytes = 0;
  for await (const chunk of inflate) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > limit) break;
  }
  return { bytes, taken: inflate.bytesWritten };
}

/**
 * The packed pixels, cut where they end, once it is sure that they unpack to just what the picture's size takes.
 *
 * pngjs needs this: it takes the bytes that were not used of its input for those that were not used of its output, so
 * that too short data leave uninitialised memory in the picture, and it unpacks interlaced pictures without limit.
 * @throws InputError when they are too few, too many or damaged.
 */
async function checkedPacked(
  { packed, unpackedBytes, width, height }: PngFile,
  source: string,
): Promise<Uint8Array> {
  let unpacked: Unpacked;
  try {
    unpacked = await measureUnpacked(packed, unpackedBytes);
  } catch (error) {
    const isShort = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
    throw new InputError(
      `${source}: the PNG is ${isShort ? 'cut short' : 'damaged'}: its pixels do not unpack; copy or export it again`,
      error,
    );
  }
  if (unpacked.bytes < unpackedBytes)
    throw new InputError(
      `${source}: the PNG is cut short: ${width}×${height} pixels take ${unpackedBytes} bytes, it holds ${unpacked.bytes}; copy or export it again`,
    );
  if (unpacked.bytes > unpackedBytes)
    throw new InputError(
      `${source}: the PNG is damaged: it holds more pixels than the ${width}×${height} that it announces; export it again`,
    );
  return packed.subarray(0, unpacked.taken);
}

/**
 * Opens the PNG that the bytes start with, and makes sure that its pixels are all there; they are still packed.
 * @throws InputError naming what is wrong.
 */
export async function openPng(bytes: Uint8Array, source: string): Promise<PngFile> {
  const file = parsePng(bytes, source);
  return { ...file, packed: await checkedPacked(file, source) };
}

/** A PNG of nothing but the header, the pixels and some further chunks. */
export function plainPng(
  { header, extras, packed }: PngFile,
  kept: readonly string[] = ['PLTE', 'tRNS'],
): Uint8Array {
  const chunks = kept.flatMap((type) => {
    const data = extras.get(type);
    return data ? [[type, data] as const] : [];
  });
  return joinPng([['IHDR', header], ...chunks, ['IDAT', packed]]);
}

/** Decodes with pngjs; its errors say what it met inside, so that one sentence of ours stands for them. */
function readPlain(bytes: Uint8Array, source: string, skipRescale: boolean): PNG {
  try {
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { skipRescale });
  } catch (error) {
    throw new InputError(`${source}: the PNG is damaged: its pixels make no sense; export it again`, error);
  }
}

/**
 * The pixels of a PNG with 8 bits a channel, as they are stored: not turned upright and in the file's own colours.
 * @throws InputError when it is damaged.
 */
export function pngPixels(file: PngFile, source: string): RgbaImage {
  const { width, height, data } = readPlain(plainPng(file), source, false);
  return { width, height, data };
}

/**
 * The stored values of a PNG with 16 bits a channel, `[height, width, 4]`, from 0 to 65535.
 * @throws InputError when it is damaged.
 */
export function deepPngSamples(file: PngFile, source: string): Uint16Array {
  const { data } = readPlain(plainPng(file), source, true);
  // pngjs gives 16 bits when it does not rescale, whatever its type says.
  return data as unknown as Uint16Array;
}

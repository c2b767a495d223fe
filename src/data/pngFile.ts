import { crc32 } from 'node:zlib';
import { InputError } from '../errors.js';
import { requireReadableSize } from './pictureLimits.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Length, type and checksum of a chunk. */
const CHUNK_OVERHEAD = 12;
const HEADER_BYTES = 13;
const SIZE_OFFSET = 16;
/** Deflate makes at most so many bytes of one; a little more for its own header. */
const MAX_INFLATION = 1032;
const INFLATION_SLACK = 1024;

/** Channels of each colour type, and the depths that it may have. */
const COLOUR_TYPES: ReadonlyMap<number, { readonly channels: number; readonly depths: readonly number[] }> =
  new Map([
    [0, { channels: 1, depths: [1, 2, 4, 8, 16] }],
    [2, { channels: 3, depths: [8, 16] }],
    [3, { channels: 1, depths: [1, 2, 4, 8] }],
    [4, { channels: 2, depths: [8, 16] }],
    [6, { channels: 4, depths: [8, 16] }],
  ]);
const PALETTE_COLOURS = 3;
/** Colour types that `tRNS` applies to: the others have their own opacity. */
const WITHOUT_ALPHA: readonly number[] = [0, 2, 3];
/** How much longer pngjs takes for a pixel of so many bits a channel than for one of 8, where it matters. */
const WEIGHTS: Readonly<Record<number, number>> = { 16: 4 };

/** The first column and row, and the distances between columns and rows, of the passes of an interlaced PNG. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** A PNG whose structure is sound; its pixels are still packed. */
export interface PngFile {
  readonly width: number;
  readonly height: number;
  /** Bits a channel. */
  readonly depth: number;
  /** The `IHDR` chunk's data. */
  readonly header: Uint8Array;
  /** Data of the chunks that change what the pixels look like, by type. */
  readonly extras: ReadonlyMap<string, Uint8Array>;
  /** Compressed pixels. */
  readonly packed: Uint8Array;
  /** Bytes of the unpacked pixels with a filter byte before each row. */
  readonly unpackedBytes: number;
}

/** Chunks that are read besides the header and the pixels. */
const EXTRAS: ReadonlySet<string> = new Set(['PLTE', 'tRNS', 'iCCP', 'sRGB', 'gAMA', 'eXIf', 'acTL']);
const CRITICAL: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);

/** Whether a PNG starts at an offset. */
export function startsPng(bytes: Uint8Array, offset = 0): boolean {
  return SIGNATURE.every((byte, index) => bytes[offset + index] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function typeAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
}

/** Where the PNG that starts at an offset ends; the end of the bytes when it is cut short. */
export function endOfPng(bytes: Uint8Array, start: number): number {
  const view = viewOf(bytes);
  let offset = start + SIGNATURE.length;
  while (offset + CHUNK_OVERHEAD <= bytes.length) {
    const type = typeAt(bytes, offset);
    offset += view.getUint32(offset) + CHUNK_OVERHEAD;
    if (type === 'IEND') return Math.min(offset, bytes.length);
  }
  return bytes.length;
}

/** The size that the PNG that the bytes start with announces, unchecked; 0 when it does not get so far. */
export function sizeOfPng(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  if (bytes.length < SIZE_OFFSET + 8) return { width: 0, height: 0 };
  const view = viewOf(bytes);
  return { width: view.getUint32(SIZE_OFFSET), height: view.getUint32(SIZE_OFFSET + 4) };
}

/** A chunk of a PNG as it lies in the file. */
export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With its length, type and checksum. */
  readonly bytes: Uint8Array;
  /** As the file states it. */
  readonly checksum: number;
}

/** The chunks of the PNG that the bytes start with, unchecked, up to the first that is cut short. */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const view = viewOf(bytes);
  let offset = SIGNATURE.length;
  while (offset + CHUNK_OVERHEAD <= bytes.length) {
    const type = typeAt(bytes, offset);
    const end = offset + view.getUint32(offset) + CHUNK_OVERHEAD;
    if (end > bytes.length) return;
    yield {
      type,
      data: bytes.subarray(offset + 8, end - 4),
      bytes: bytes.subarray(offset, end),
      checksum: view.getUint32(end - 4),
    };
    if (type === 'IEND') return;
    offset = end;
  }
}

/** A chunk with its length, type and checksum. */
export function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(data.length + CHUNK_OVERHEAD);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** The bytes of a PNG of the given chunks, which must begin with `IHDR`. */
export function joinPng(chunks: readonly (readonly [type: string, data: Uint8Array])[]): Uint8Array {
  return Buffer.concat([
    SIGNATURE,
    ...chunks.map(([type, data]) => pngChunk(type, data)),
    pngChunk('IEND', new Uint8Array(0)),
  ]);
}

/** Bytes of the unpacked pixels with a filter byte before each row. */
function unpackedBytes(width: number, height: number, bits: number, interlaced: boolean): number {
  const rows = (columns: number, count: number) =>
    columns === 0 ? 0 : count * (1 + Math.ceil((columns * bits) / 8));
  if (!interlaced) return rows(width, height);
  return PASSES.reduce((sum, [left, top, across, down]) => {
    const columns = Math.ceil(Math.max(0, width - left) / across);
    return sum + rows(columns, Math.ceil(Math.max(0, height - top) / down));
  }, 0);
}

/**
 * Checks the structure of the PNG that the bytes start with: its chunks and their checksums, and that it holds enough
 * for the pixels that it announces. What follows its end is ignored, as browsers do.
 * @throws InputError naming what is wrong.
 */
export function parsePng(bytes: Uint8Array, source: string): PngFile {
  const fail = (reason: string): never => {
    throw new InputError(`${source}: ${reason}`);
  };
  const view = viewOf(bytes);
  const extras = new Map<string, Uint8Array>();
  const packed: Uint8Array[] = [];
  let header: Uint8Array | undefined;
  for (let offset = SIGNATURE.length; ; ) {
    if (offset + CHUNK_OVERHEAD > bytes.length) fail('the PNG is cut short; copy or export it again');
    const length = view.getUint32(offset);
    const type = typeAt(bytes, offset);
    if (!header && type !== 'IHDR') fail(wrongStart(type));
    const end = offset + length + CHUNK_OVERHEAD;
    if (end > bytes.length) fail('the PNG is cut short; copy or export it again');
    const data = bytes.subarray(offset + 8, end - 4);
    const isCritical = (bytes[offset + 4]! & 0x20) === 0;
    if (isCritical && !CRITICAL.has(type))
      fail(
        `the PNG needs an extension that is not known (chunk ${printable(type)}); export it as a plain PNG`,
      );
    if (
      (isCritical || EXTRAS.has(type)) &&
      crc32(bytes.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4)
    )
      fail(`the PNG is damaged: the checksum of its ${type} chunk is wrong; copy or export it again`);
    if (type === 'IHDR') {
      if (header || length !== HEADER_BYTES) fail('the PNG is damaged: its header is wrong; export it again');
      header = data;
    } else if (type === 'IDAT') packed.push(data);
    else if (type === 'IEND') break;
    else if (EXTRAS.has(type) && !extras.has(type)) extras.set(type, data);
    offset = end;
  }
  return describePng(header!, extras, Buffer.concat(packed), bytes.length, source);
}

/** A chunk's type in a message, whatever bytes it is made of. */
function printable(type: string): string {
  return /^[A-Za-z]{4}$/.test(type) ? type : 'without a name';
}

function wrongStart(type: string): string {
  if (type === 'CgBI')
    return "an Apple CgBI picture, Xcode's form for iOS apps, which is no PNG; convert it with xcrun pngcrush -revert-iphone-optimizations";
  return `the PNG is damaged: it begins with a chunk ${printable(type)} instead of IHDR; copy or export it again`;
}

function describePng(
  header: Uint8Array,
  extras: ReadonlyMap<string, Uint8Array>,
  packed: Uint8Array,
  fileBytes: number,
  source: string,
): PngFile {
  const fail = (reason: string): never => {
    throw new InputError(`${source}: ${reason}`);
  };
  const view = viewOf(header);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = Array.from(header.subarray(8)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const colours = COLOUR_TYPES.get(colourType);
  if (!colours?.depths.includes(depth) || compression !== 0 || filter !== 0 || interlace > 1)
    return fail(
      `the PNG is damaged: there is no colour type ${colourType} of ${depth} bits, or its compression is unknown`,
    );
  requireReadableSize(
    { width, height, kind: 'png', bytes: fileBytes, weight: WEIGHTS[depth] ?? 1 },
    source,
    'export it with 8 bits a channel',
  );
  if (packed.length === 0) fail('the PNG holds no pixels; copy or export it again');
  if (colourType === PALETTE_COLOURS && !extras.get('PLTE')?.length)
    fail('the PNG is damaged: its palette is missing; export it again');
  const unpacked = unpackedBytes(width, height, colours.channels * depth, interlace === 1);
  if (unpacked > packed.length * MAX_INFLATION + INFLATION_SLACK)
    fail(
      `the PNG announces ${width}×${height} pixels but holds only ${packed.length} bytes of them; it is damaged or cut short`,
    );
  const used = WITHOUT_ALPHA.includes(colourType) ? extras : withoutTransparency(extras);
  return { width, height, depth: depth, header, extras: used, packed, unpackedBytes: unpacked };
}

function withoutTransparency(extras: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  return new Map([...extras].filter(([type]) => type !== 'tRNS'));
}

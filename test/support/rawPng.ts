import { deflateSync } from 'node:zlib';
import { pngChunk } from '../../src/data/pngFile.js';

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A PNG's header and pixels, of any kind and as wrong as a test wants them. */
export interface RawPng {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly colourType?: number;
  readonly interlace?: number;
  /** Unpacked rows, each after its filter byte. */
  readonly rows: Uint8Array;
  /** Chunks between the header and the pixels. */
  readonly extras?: readonly (readonly [string, Uint8Array])[];
  /** Packed pixels to use instead of the rows. */
  readonly packed?: Uint8Array;
}

/** The header chunk's data. */
export function pngHeader({
  width,
  height,
  depth = 8,
  colourType = 0,
  interlace = 0,
}: Omit<RawPng, 'rows'>): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  return header;
}

/** The bytes of a PNG. */
export function rawPng(png: RawPng): Buffer {
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', pngHeader(png)),
    ...(png.extras ?? []).map(([type, data]) => pngChunk(type, data)),
    pngChunk('IDAT', png.packed ?? deflateSync(png.rows)),
    pngChunk('IEND', new Uint8Array(0)),
  ]);
}

/** Rows of unfiltered samples, each after its filter byte. */
export function unfilteredRows(height: number, samples: Uint8Array): Uint8Array {
  const length = samples.length / height;
  const rows = new Uint8Array(height * (length + 1));
  for (let row = 0; row < height; row++)
    rows.set(samples.subarray(row * length, (row + 1) * length), row * (length + 1) + 1);
  return rows;
}

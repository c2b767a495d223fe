import sharp from 'sharp';
import { encodePng } from '../../src/data/image.js';

/** Pixels that differ everywhere, `[height, width, channels]`. */
export function pattern(width: number, height: number, channels: number): Uint8Array {
  return Uint8Array.from(
    { length: width * height * channels },
    (_, index) => (index * 37 + (index >> 4) * 11) % 256,
  );
}

/** PNG bytes of the kinds that people have. */
export async function samplePngs(width: number, height: number): Promise<ReadonlyMap<string, Buffer>> {
  const rgb = () => sharp(pattern(width, height, 3), { raw: { width, height, channels: 3 } });
  const rgba = () => sharp(pattern(width, height, 4), { raw: { width, height, channels: 4 } });
  return new Map([
    ['RGB', await rgb().png().toBuffer()],
    ['grey', await rgb().toColourspace('b-w').png().toBuffer()],
    ['palette', await rgb().png({ palette: true, colours: 16 }).toBuffer()],
    ['16-bit', await rgb().toColourspace('rgb16').png().toBuffer()],
    ['interlaced', await rgb().png({ progressive: true }).toBuffer()],
    ['alpha', await rgba().png().toBuffer()],
  ]);
}

/** Columns and rows of a rectangle: its first, and the first after it. */
export type Rectangle = readonly [left: number, top: number, right: number, bottom: number];

/** A mask `[height, width]` with a rectangle to be drawn. */
export function rectangleMask(width: number, height: number, ...box: Rectangle): Uint8Array {
  const [left, top, right, bottom] = box;
  return Uint8Array.from({ length: width * height }, (_, pixel) => {
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    return row >= top && row < bottom && column >= left && column < right ? 255 : 0;
  });
}

/** The same as a PNG: black with a white rectangle. */
export function rectangleMaskPng(width: number, height: number, ...box: Rectangle): Uint8Array {
  const mask = rectangleMask(width, height, ...box);
  const data = Uint8Array.from({ length: mask.length * 3 }, (_, index) => mask[Math.floor(index / 3)]!);
  return encodePng({ width, height, data });
}

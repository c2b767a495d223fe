import type { RgbaImage } from './pixels.js';

/** Where reading the stored pixels begins, and how far to go for the next column and the next row. */
type Walk = (width: number, height: number) => readonly [start: number, across: number, down: number];

/** How to read for each EXIF orientation from 2 on (TIFF 6.0, tag 274); from 5 on, rows become columns. */
const WALKS: Readonly<Record<number, Walk>> = {
  2: (width) => [width - 1, -1, width],
  3: (width, height) => [width * height - 1, -1, -width],
  4: (width, height) => [width * (height - 1), 1, -width],
  5: (width) => [0, width, 1],
  6: (width, height) => [width * (height - 1), -width, 1],
  7: (width, height) => [width * height - 1, -width, -1],
  8: (width) => [width - 1, width, -1],
};
const FIRST_TURNED = 5;

/** The pixels as numbers of four bytes. */
function asWords(data: Uint8Array): Uint32Array {
  const aligned = data.byteOffset % 4 === 0 ? data : Uint8Array.from(data);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/**
 * The picture turned upright.
 * @param orientation of its EXIF data, from 1 to 8; other numbers leave it as it is
 */
export function turnUpright(image: RgbaImage, orientation: number): RgbaImage {
  const walk = WALKS[orientation];
  if (!walk) return image;
  const isTurned = orientation >= FIRST_TURNED;
  const [width, height] = isTurned ? [image.height, image.width] : [image.width, image.height];
  const [start, across, down] = walk(image.width, image.height);
  const stored = asWords(image.data);
  const upright = new Uint32Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      upright[row * width + column] = stored[start + column * across + row * down]!;
  return { width, height, data: new Uint8Array(upright.buffer) };
}

import type { RgbImage } from '../data/image.js';

/** The least value of a mask that has a token drawn: half. What is fainter, such as noise, only mixes. */
export const DRAWN_FROM = 128;

/** A picture with the share of each pixel that is to be drawn anew. */
export interface Canvas {
  readonly image: RgbImage;
  /**
   * `[height, width]`: a token is drawn when the mask is at least `DRAWN_FROM` somewhere in its cell. There, 0 keeps a
   * pixel as it is, 255 replaces it, what lies between mixes both.
   */
  readonly mask: Uint8Array;
}

/** A rectangle of pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The canvas made larger on each side by the pixels nearest to it, which are to be drawn only if asked.
 * @param value of the mask on the new pixels
 */
export function extendCanvas(
  { image, mask }: Canvas,
  sides: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number },
  value: number,
): Canvas {
  if (sides.left + sides.top + sides.right + sides.bottom === 0) return { image, mask };
  const width = image.width + sides.left + sides.right;
  const height = image.height + sides.top + sides.bottom;
  const data = new Uint8Array(width * height * 3);
  const extended = new Uint8Array(width * height).fill(value);
  for (let row = 0; row < height; row++) {
    const fromRow = Math.min(image.height - 1, Math.max(0, row - sides.top));
    for (let column = 0; column < width; column++) {
      const fromColumn = Math.min(image.width - 1, Math.max(0, column - sides.left));
      const from = fromRow * image.width + fromColumn;
      const to = row * width + column;
      data.set(image.data.subarray(from * 3, from * 3 + 3), to * 3);
      const isInside = fromRow === row - sides.top && fromColumn === column - sides.left;
      if (isInside) extended[to] = mask[from]!;
    }
  }
  return { image: { width, height, data }, mask: extended };
}

/** A part of a plane `[height, width]` with one value a pixel. */
export function cropPlane(
  plane: Uint8Array,
  planeWidth: number,
  { left, top, width, height }: Box,
): Uint8Array {
  const part = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = (top + row) * planeWidth + left;
    part.set(plane.subarray(start, start + width), row * width);
  }
  return part;
}

/** Puts drawn pixels over a part of a picture, each by its share of 255; pixels with a share of 0 stay bit for bit. */
export function blendInto(
  { data, width }: { readonly data: Uint8Array; readonly width: number },
  drawn: RgbImage,
  shares: Uint8Array,
  { left, top }: Box,
): void {
  for (let row = 0; row < drawn.height; row++)
    for (let column = 0; column < drawn.width; column++) {
      const from = row * drawn.width + column;
      const alpha = shares[from]! / 255;
      if (alpha === 0) continue;
      const to = (top + row) * width + left + column;
      for (let channel = 0; channel < 3; channel++) {
        const kept = data[to * 3 + channel]!;
        data[to * 3 + channel] = Math.round(kept + (drawn.data[from * 3 + channel]! - kept) * alpha);
      }
    }
}

/**
 * A mask whose border falls off inside it, so that new pixels fade in: each pixel's share is the mean of the mask over
 * a square around it. Pixels outside the mask stay outside.
 * @param radius in pixels; 0 leaves the mask as it is
 */
export function featherMask(mask: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  if (radius === 0) return mask;
  const blurred = blurLine(blurLine(mask, width, height, radius, true), width, height, radius, false);
  return mask.map((value, index) =>
    value === 0 ? 0 : Math.max(1, Math.round(Math.min(value, blurred[index]!))),
  );
}

/**
 * The mean over `2·radius + 1` neighbours along one axis; pixels beyond the picture count as those at its border. Each
 * line's running sum makes the time independent of the radius.
 */
function blurLine(
  values: Uint8Array | Float32Array,
  width: number,
  height: number,
  radius: number,
  alongRows: boolean,
): Float32Array {
  const result = new Float32Array(values.length);
  const [lines, length] = alongRows ? [height, width] : [width, height];
  const at = (line: number, place: number) => (alongRows ? line * width + place : place * width + line);
  // Before each place, the sum of those before it.
  const sums = new Float64Array(length + 1);
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < length; place++) sums[place + 1] = sums[place]! + values[at(line, place)]!;
    const [first, last] = [values[at(line, 0)]!, values[at(line, length - 1)]!];
    for (let place = 0; place < length; place++) {
      const [from, to] = [place - radius, place + radius + 1];
      const inside = sums[Math.min(length, to)]! - sums[Math.max(0, from)]!;
      const beyond = first * Math.max(0, -from) + last * Math.max(0, to - length);
      result[at(line, place)] = (inside + beyond) / (2 * radius + 1);
    }
  }
  return result;
}

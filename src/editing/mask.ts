import type { RgbaImage } from '../data/image.js';

const OPAQUE = 255;

/** Whether any pixel lets something shine through. */
export function hasTransparency({ data }: RgbaImage): boolean {
  for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] !== OPAQUE) return true;
  return false;
}

/** How transparent each pixel is, `[height, width]`: 255 wholly. */
export function transparencyMask({ data }: RgbaImage): Uint8Array {
  return Uint8Array.from({ length: data.length / 4 }, (_, pixel) => OPAQUE - data[pixel * 4 + 3]!);
}

/**
 * The mask that a picture means, `[height, width]`: where it is transparent, if it is so anywhere; else how light it
 * is (Rec. 601 luminance).
 */
export function maskOf(picture: RgbaImage): Uint8Array {
  if (hasTransparency(picture)) return transparencyMask(picture);
  const { data } = picture;
  return Uint8Array.from({ length: data.length / 4 }, (_, pixel) => {
    const [red, green, blue] = [data[pixel * 4]!, data[pixel * 4 + 1]!, data[pixel * 4 + 2]!];
    return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  });
}

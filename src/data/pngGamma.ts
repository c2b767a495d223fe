import type { RgbaImage } from './pixels.js';

/** The unit of the chunk's number, the value that stands for sRGB, and how far others may be from it and mean it too. */
const UNIT = 100_000;
const SRGB_GAMMA = 45_455;
const TOLERANCE = 1_000;
const ALPHA = 3;

/** Light from 0 to 1 as sRGB encodes it (IEC 61966-2-1). */
function encodeSrgb(light: number): number {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

/**
 * A picture in sRGB whose file says with which power light was encoded, as renderers write it (1 for linear light).
 * @param chunk the `gAMA` chunk's data: the power times 100,000
 */
export function fromGamma(image: RgbaImage, chunk: Uint8Array): RgbaImage {
  if (chunk.length < 4) return image;
  const gamma = new DataView(chunk.buffer, chunk.byteOffset).getUint32(0);
  if (gamma === 0 || Math.abs(gamma - SRGB_GAMMA) <= TOLERANCE) return image;
  const table = Uint8Array.from({ length: 256 }, (_, value) =>
    Math.round(255 * encodeSrgb((value / 255) ** (UNIT / gamma))),
  );
  const data = image.data.map((value, index) => (index % 4 === ALPHA ? value : table[value]!));
  return { ...image, data };
}

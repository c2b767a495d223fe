import { PNG } from 'pngjs';
import type { RgbaImage, RgbImage } from './pixels.js';

/** The picture as PNG bytes; the same for the same pixels. */
export function encodePng({ width, height, data }: RgbImage): Uint8Array {
  const png = new PNG({ width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false });
  png.data = Buffer.from(data);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}

/** A picture with opacity as PNG bytes. */
export function encodePngWithAlpha({ width, height, data }: RgbaImage): Uint8Array {
  const png = new PNG({ width, height });
  png.data = Buffer.from(data);
  return PNG.sync.write(png);
}

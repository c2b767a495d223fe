import type { RgbaImage } from '../data/image.js';
import type { Redrawn } from './redraw.js';

/**
 * A drawn picture with the opacity that it had before: untouched pixels are the very ones that came in, new ones are
 * opaque.
 * @param original the picture before, of the same size
 */
export function withOpacityOf(original: RgbaImage, { image, changed }: Redrawn): RgbaImage {
  const data = Uint8Array.from(original.data);
  for (const [pixel, share] of changed.entries()) {
    if (share === 0) continue;
    data.set(image.data.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
    data[pixel * 4 + 3] = 255;
  }
  return { width: image.width, height: image.height, data };
}

import type { RgbaImage } from './pixels.js';
import type { PngFile } from './pngFile.js';
import { deepPngSamples } from './pngPixels.js';

const ALPHA = 3;

/** Whether no colour of any pixel is larger than 1. */
function staysBelowTwo(samples: ArrayLike<number>): boolean {
  for (let index = 0; index < samples.length; index++)
    if (samples[index]! > 1 && index % 4 !== ALPHA) return false;
  return true;
}

/** Whether a colour of some pixel has a value. */
function hasValue(samples: ArrayLike<number>, value: number): boolean {
  for (let index = 0; index < samples.length; index++)
    if (samples[index] === value && index % 4 !== ALPHA) return true;
  return false;
}

/**
 * A picture whose stored colours are 0 and 1, and both, with 255 for 1; undefined for others.
 * @param pixels of the file with 8 bits a channel
 */
export function stretchBinary(file: PngFile, pixels: RgbaImage, source: string): RgbaImage | undefined {
  // Of 16 bits, both values are 0 when 8 are left.
  if (!staysBelowTwo(pixels.data)) return undefined;
  const samples = file.depth === 16 ? deepPngSamples(file, source) : pixels.data;
  if (!(staysBelowTwo(samples) && hasValue(samples, 0) && hasValue(samples, 1))) return undefined;
  const data = pixels.data.map((value, index) => (index % 4 === ALPHA ? value : samples[index]! * 255));
  return { ...pixels, data };
}

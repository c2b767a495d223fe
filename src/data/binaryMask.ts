import type { RgbaImage } from './pixels.js';
import type { PngFile } from './pngFile.js';
import { deepPngSamples } from './pngPixels.js';

const ALPHA = 3;

/** Whether the colours of pixels with opacity are 0 and 1, both, and nothing else. */
function isBinary(samples: ArrayLike<number>): boolean {
  let hasZero = false;
  let hasOne = false;
  for (let index = 0; index < samples.length; index++) {
    if (index % 4 === ALPHA) continue;
    if (samples[index]! > 1) return false;
    if (samples[index] === 1) hasOne = true;
    else hasZero = true;
  }
  return hasZero && hasOne;
}

/**
 * A picture whose stored colours are 0 and 1 with 255 for 1; undefined for others.
 * @param pixels of the file with 8 bits a channel
 */
export function stretchBinary(file: PngFile, pixels: RgbaImage, source: string): RgbaImage | undefined {
  const brightest = pixels.data.reduce(
    (largest, value, index) => (index % 4 === ALPHA ? largest : Math.max(largest, value)),
    0,
  );
  // Of 16 bits, both values are 0 when 8 are left.
  if (brightest > 1) return undefined;
  const samples = file.depth === 16 ? deepPngSamples(file, source) : pixels.data;
  if (!isBinary(samples)) return undefined;
  const data = pixels.data.map((value, index) => (index % 4 === ALPHA ? value : samples[index]! * 255));
  return { ...pixels, data };
}

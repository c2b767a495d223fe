import { sharp } from './sharp.js';
import UPNG from 'upng-js';
import type { RgbImage } from './image.js';
import { type PictureNotes, pngTextsOf } from './pictureNotes.js';
import { withPngTexts } from './pngText.js';

/** Formats of moving pictures. */
export const ANIMATION_FORMATS = ['gif', 'apng'] as const;
export type AnimationFormat = (typeof ANIMATION_FORMATS)[number];

/** Milliseconds that a step is shown, and the finished picture at the end. */
const STEP_DELAY = 120;
const LAST_DELAY = 1500;

function delays(count: number): number[] {
  return Array.from({ length: count }, (_, frame) => (frame === count - 1 ? LAST_DELAY : STEP_DELAY));
}

async function encodeGif(frames: readonly RgbImage[]): Promise<Uint8Array> {
  const { width, height } = frames[0]!;
  const stacked = Buffer.concat(frames.map(({ data }) => data));
  const raw = { width, height: height * frames.length, channels: 3, pageHeight: height } as const;
  return sharp(stacked, { raw })
    .gif({ delay: delays(frames.length), loop: 0 })
    .toBuffer();
}

function encodeApng(frames: readonly RgbImage[]): Uint8Array {
  const { width, height } = frames[0]!;
  const pages = frames.map(({ data }) => {
    const rgba = new Uint8Array(width * height * 4).fill(255);
    for (let pixel = 0; pixel < width * height; pixel++)
      rgba.set(data.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
    return rgba.buffer;
  });
  return new Uint8Array(UPNG.encode(pages, width, height, 0, delays(frames.length)));
}

/**
 * Pictures of one size as a moving picture that repeats; a GIF has 256 colours at most.
 * @param notes what its file says besides; a GIF leaves them out, as nothing here reads GIFs
 */
export async function encodeAnimation(
  frames: readonly RgbImage[],
  format: AnimationFormat,
  notes?: PictureNotes,
): Promise<Uint8Array> {
  if (format === 'gif') return encodeGif(frames);
  const apng = encodeApng(frames);
  return notes ? withPngTexts(apng, pngTextsOf(notes)) : apng;
}

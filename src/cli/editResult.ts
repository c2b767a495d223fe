import {
  flattenOnWhite,
  hasTransparency,
  type InpaintResult,
  type PictureEncoding,
  type PictureNotes,
  requireEncodable,
  requireScalable,
  type RgbaImage,
  type RgbImage,
  withOpacityOf,
} from '../index.js';
import { encodeScaled, scaledSize } from './imageOutput.js';
import type { OutputChoice } from './outputFormat.js';

export type EditOutput = OutputChoice<PictureEncoding>;

/** How one picture is worked on. */
export interface Edit {
  readonly image: RgbImage;
  /** `[height, width]`, for each of the results. */
  readonly maskOf: (result: number) => Uint8Array;
  /** What the result's untouched pixels keep their opacity from; undefined where the result has another size. */
  readonly original?: RgbaImage;
  /** Shows the windows as decoded, instead of only their masked pixels. */
  readonly composite?: boolean;
}

/** Refuses results that the format cannot hold. @throws UsageError */
export function requireWritable(image: RgbImage, { encoding, scale }: EditOutput): void {
  if (scale) requireScalable(image, scale);
  const { width, height } = scaledSize(image, scale);
  requireEncodable(width, height, encoding);
}

/** The picture with each window wholly as the tokenizer decodes it. */
function showWindows({ image, windows }: InpaintResult): RgbImage {
  const data = Uint8Array.from(image.data);
  for (const { box, decoded } of windows)
    for (let row = 0; row < Math.min(box.height, image.height - box.top); row++) {
      const count = Math.min(box.width, image.width - box.left);
      const from = row * decoded.width * 3;
      data.set(decoded.data.subarray(from, from + count * 3), ((box.top + row) * image.width + box.left) * 3);
    }
  return { ...image, data };
}

/** A picture's bytes: with opacity where it had some, and there its untouched pixels are the very ones it had. */
export function encodeResult(
  redrawn: InpaintResult,
  { original, composite }: Edit,
  choice: EditOutput,
  notes: PictureNotes | undefined,
): Promise<Uint8Array> {
  if (composite === false) return encodeScaled(showWindows(redrawn), 3, choice, notes);
  if (!original || !hasTransparency(original)) return encodeScaled(redrawn.image, 3, choice, notes);
  return encodeScaled(withOpacityOf(original, redrawn), 4, choice, notes);
}

/**
 * A picture whose masked pixels are to be drawn.
 * @param mask the one for all results, or for each
 */
export function editOf(
  picture: RgbaImage,
  mask: Uint8Array | ((result: number) => Uint8Array),
  composite = true,
): Edit {
  const maskOf = typeof mask === 'function' ? mask : () => mask;
  return { image: flattenOnWhite(picture), maskOf, original: picture, composite };
}

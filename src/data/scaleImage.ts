import { UsageError } from '../errors.js';
import { MAX_PIXELS } from './pictureLimits.js';
import { sharp } from './sharp.js';

/** How pixels are made of fewer: each repeated, or smoothly. */
export const SCALE_FILTERS = ['nearest', 'lanczos'] as const;
export type ScaleFilter = (typeof SCALE_FILTERS)[number];

/** The largest factor. */
export const MAX_SCALE = 64;

/** How much larger a picture is written than it was drawn. */
export interface Scaling {
  /** Pixels along each side for one; a whole number from 1 to {@link MAX_SCALE}. */
  readonly factor: number;
  readonly filter: ScaleFilter;
}

/** Pictures as they come: their pixels, `[height, width, channels]`. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Refuses results with more pixels than any picture may have.
 * @throws UsageError
 */
export function requireScalable({ width, height }: Omit<Picture, 'data'>, { factor }: Scaling): void {
  const pixels = width * height * factor ** 2;
  if (pixels > MAX_PIXELS)
    throw new UsageError(
      `--scale ${factor} makes ${pixels} pixels of ${width}×${height}; at most ${MAX_PIXELS} are allowed`,
    );
}

/**
 * A picture with more pixels.
 * @param channels 3, or 4 with opacity
 * @throws UsageError when they are too many.
 */
export async function scaleImage(image: Picture, channels: 3 | 4, scaling: Scaling): Promise<Picture> {
  const { factor, filter } = scaling;
  if (factor === 1) return image;
  requireScalable(image, scaling);
  const { width, height } = { width: image.width * factor, height: image.height * factor };
  const { data } = await sharp(image.data, { raw: { width: image.width, height: image.height, channels } })
    .resize(width, height, { fit: 'fill', kernel: filter === 'nearest' ? 'nearest' : 'lanczos3' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width, height, data };
}

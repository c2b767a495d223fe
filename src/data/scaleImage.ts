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

/** Each pixel many times; those of no opacity keep their colours, which image libraries drop. */
function repeatPixels({ width, height, data }: Picture, channels: number, factor: number): Picture {
  const wide = width * factor;
  const large = new Uint8Array(wide * height * factor * channels);
  for (let row = 0; row < height; row++) {
    const start = row * factor * wide * channels;
    for (let column = 0; column < wide; column++) {
      const from = (row * width + Math.floor(column / factor)) * channels;
      for (let channel = 0; channel < channels; channel++)
        large[start + column * channels + channel] = data[from + channel]!;
    }
    for (let copy = 1; copy < factor; copy++)
      large.copyWithin(start + copy * wide * channels, start, start + wide * channels);
  }
  return { width: wide, height: height * factor, data: large };
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
  if (filter === 'nearest') return repeatPixels(image, channels, factor);
  const { width, height } = image;
  const size = { width: width * factor, height: height * factor };
  const data = await sharp(image.data, { raw: { width, height, channels } })
    .resize(size.width, size.height, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { ...size, data };
}

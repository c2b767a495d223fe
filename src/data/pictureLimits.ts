import { InputError } from '../errors.js';

/** The most pixels along a side: what JPEG can have; rows cost memory of their own. */
const MAX_SIDE = 65_535;
/** Pixels that any file may announce, however small it is: one colour takes almost no bytes. */
const FREE_PIXELS = 1 << 24;
/** The most pixels of a picture, whatever the size of its file. */
export const MAX_PIXELS = 1 << 26;
/** Pixels beyond the free ones for each byte of a file: half a pixel in PNG, which takes longest to decode. */
const PIXELS_PER_BYTE = { png: 0.5, jpeg: 4, webp: 4 } as const;
/** Pixels of several pictures in one stream for each of its bytes, beyond the free ones. */
const STREAM_PIXELS_PER_BYTE = 4;

/** The most pixels that the pictures of a stream may have together. */
export function streamPixelLimit(bytes: number): number {
  return FREE_PIXELS + STREAM_PIXELS_PER_BYTE * bytes;
}

/** What a picture announces before it is decoded. */
export interface AnnouncedSize {
  readonly width: number;
  readonly height: number;
  readonly kind: keyof typeof PIXELS_PER_BYTE;
  /** Bytes of its file. */
  readonly bytes: number;
  /** How much more work a pixel is than one of 8 bits a channel (default 1). */
  readonly weight?: number;
}

/**
 * Refuses pictures without pixels, and those that would take too much time or memory, before anything is allocated: a
 * file may have more pixels the more bytes it has.
 * @param weightHint what to do when the weight is what makes it too much
 * @throws InputError naming the picture and the limit.
 */
export function requireReadableSize(
  { width, height, kind, bytes, weight = 1 }: AnnouncedSize,
  source: string,
  weightHint = '',
): void {
  if (width === 0 || height === 0)
    throw new InputError(`${source}: it announces ${width}×${height} pixels; the file is damaged`);
  if (width > MAX_SIDE || height > MAX_SIDE)
    throw new InputError(
      `${source}: ${width}×${height} pixels: a side may have at most ${MAX_SIDE}; scale it down`,
    );
  const limit = Math.min(MAX_PIXELS, FREE_PIXELS + Math.floor(PIXELS_PER_BYTE[kind] * bytes));
  const pixels = width * height;
  if (pixels > limit)
    throw new InputError(
      `${source}: ${width}×${height} pixels are more than the ${limit} that a file of ${bytes} bytes may have; scale it down`,
    );
  if (pixels * weight > limit)
    throw new InputError(
      `${source}: ${width}×${height} pixels of this kind are more than the ${Math.floor(limit / weight)} that a file of ${bytes} bytes may have; ${weightHint}`,
    );
}

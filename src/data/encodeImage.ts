import { PNG } from 'pngjs';
import { sharp } from './sharp.js';
import { UsageError } from '../errors.js';
import { type PictureNotes, pngTextsOf, xmpOf } from './pictureNotes.js';
import type { RgbaImage, RgbImage } from './pixels.js';
import { withPngTexts } from './pngText.js';

/** The formats that pictures are written in. */
export const PICTURE_ENCODINGS = ['png', 'jpeg', 'webp'] as const;
export type PictureEncoding = (typeof PICTURE_ENCODINGS)[number];

/** Quality of JPEG and WebP when none is asked for, from 1 to 100. */
export const DEFAULT_QUALITY = 90;
/** The most pixels along a side that a format can have. */
const MAX_SIDES: Readonly<Record<PictureEncoding, number>> = { png: 2 ** 31 - 1, jpeg: 65_535, webp: 16_383 };

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

/**
 * Refuses sizes that a format cannot have.
 * @throws UsageError naming one that can.
 */
export function requireEncodable(width: number, height: number, encoding: PictureEncoding): void {
  const most = MAX_SIDES[encoding];
  if (width > most || height > most)
    throw new UsageError(
      `${width}×${height} pixels do not fit in a ${encoding}, which has at most ${most} a side; write a png`,
    );
}

/**
 * A picture in any of the formats; JPEG and WebP lose a little, PNG nothing.
 * @param channels 3, or 4 with opacity, which a JPEG shows on white
 * @param quality of JPEG and WebP, from 1 to 100
 * @param notes what its file says besides; a JPEG or WebP leaves them out where they are longer than it can hold
 * @throws UsageError when the format cannot have so many pixels.
 */
export async function encodePicture(
  image: RgbImage | RgbaImage,
  channels: 3 | 4,
  encoding: PictureEncoding,
  quality: number = DEFAULT_QUALITY,
  notes?: PictureNotes,
): Promise<Uint8Array> {
  const { width, height, data } = image;
  requireEncodable(width, height, encoding);
  if (encoding === 'png') {
    const png = channels === 3 ? encodePng(image) : encodePngWithAlpha(image);
    return notes ? withPngTexts(png, pngTextsOf(notes)) : png;
  }
  const packet = notes && xmpOf(notes);
  const plain = sharp(data, { raw: { width, height, channels } });
  const raw = packet === undefined ? plain : plain.withXmp(packet);
  if (encoding === 'webp') return raw.webp({ quality }).toBuffer();
  // Colours at full resolution: halved, they would bleed over the edges of small pictures.
  return raw.flatten({ background: '#ffffff' }).jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
}

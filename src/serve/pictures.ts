import {
  announcedPixels,
  decodeMask,
  decodeRgba,
  DRAWN_FROM,
  maskOf,
  type RgbaImage,
  transparencyMask,
} from '../index.js';
import { ApiError, ofClient } from './apiError.js';

const DATA_URL = /^data:image\/[\w.+-]+;base64,/;

/** The bytes of a picture in base64 or a data URL. @throws ApiError 400 when it is neither. */
export function decodeBase64(text: string, param: string): Uint8Array {
  const encoded = text.replace(DATA_URL, '');
  const bytes = Buffer.from(encoded, 'base64');
  // Node.js passes over what is not base64.
  if (
    bytes.length === 0 ||
    Math.abs(encoded.replace(/=+$/, '').length - Math.ceil((bytes.length * 4) / 3)) > 0
  )
    throw new ApiError(400, `'${param}' is not base64`, { param });
  return bytes;
}

/**
 * A picture of a client, of which the size is looked at before it is decoded.
 * @throws ApiError 400 naming the parameter when it is too large or damaged.
 */
async function readWith<T>(
  bytes: Uint8Array,
  param: string,
  limit: number,
  decode: (bytes: Uint8Array, source: string) => Promise<T>,
): Promise<T> {
  return ofClient(param, async () => {
    const pixels = await announcedPixels(bytes, param);
    if (pixels > limit)
      throw new ApiError(400, `'${param}' has ${pixels} pixels; at most ${limit} are taken`, {
        ...{ param, code: 'picture_too_large' },
      });
    return decode(bytes, param);
  });
}

/** A picture with its opacity. @throws ApiError 400 naming the parameter when it is too large or damaged. */
export const readPicture = (bytes: Uint8Array, param: string, limit: number): Promise<RgbaImage> =>
  readWith(bytes, param, limit, decodeRgba);

/** @throws ApiError 400 when a mask has another size than its picture, or nothing that is to be drawn. */
function requireFitting(mask: Uint8Array, own: Size, picture: Size, hint: string): Uint8Array {
  if (own.width !== picture.width || own.height !== picture.height)
    throw new ApiError(
      400,
      `the mask has ${own.width}×${own.height} pixels, the picture ${picture.width}×${picture.height}; they must be equal`,
      { param: 'mask' },
    );
  if (!mask.some((value) => value >= DRAWN_FROM))
    throw new ApiError(400, `nothing is to be drawn: ${hint}`, { param: 'mask' });
  return mask;
}

type Size = Pick<RgbaImage, 'width' | 'height'>;

/** What is to be drawn of a picture by a mask: what is light in it, or else transparent, as the commands read masks. */
export async function readMask(bytes: Uint8Array, picture: Size, limit: number): Promise<Uint8Array> {
  const { mask, size } = await readWith(bytes, 'mask', limit, async (own, source) => {
    const { picture: read } = await decodeMask(own, source);
    return { mask: maskOf(read, source).mask, size: read };
  });
  return requireFitting(mask, size, picture, 'the mask is dark');
}

/** What is to be drawn of a picture by the transparency of a mask, as OpenAI's clients send masks. */
export async function readTransparentMask(
  bytes: Uint8Array,
  picture: Size,
  limit: number,
): Promise<Uint8Array> {
  const own = await readPicture(bytes, 'mask', limit);
  return requireFitting(transparencyMask(own), own, picture, 'the mask has no transparent pixels');
}

/** What is to be drawn of a picture by its own transparency. @throws ApiError 400 when it has none. */
export function ownMask(picture: RgbaImage): Uint8Array {
  return requireFitting(
    transparencyMask(picture),
    picture,
    picture,
    'send a mask, or a picture with transparent pixels',
  );
}

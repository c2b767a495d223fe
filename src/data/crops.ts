import { sharp } from './sharp.js';
import { InputError } from '../errors.js';
import { MAX_PIXELS } from './pictureLimits.js';
import { cropImage, flipImage, type RgbImage } from './pixels.js';

/** How a picture becomes the size that is wanted. */
export const CROPS = ['center', 'ten', 'none'] as const;
export type Crop = (typeof CROPS)[number];

/** Ten crops are cut from the picture at this multiple of the wanted size, as the published token data were made. */
const TEN_CROP_MARGIN = 1.1;

/**
 * The picture resampled (Lanczos) so that its shorter side is `size`.
 * @throws InputError when it would be too large, as a picture of one row would.
 */
async function resizeShorterSide(image: RgbImage, size: number): Promise<RgbImage> {
  const scale = size / Math.min(image.width, image.height);
  const width = Math.max(size, Math.round(image.width * scale));
  const height = Math.max(size, Math.round(image.height * scale));
  if (width === image.width && height === image.height) return image;
  if (width * height > MAX_PIXELS)
    throw new InputError(
      `${image.width}×${image.height} pixels would become ${width}×${height} to be ${size} along the shorter side; crop the picture, or ask for a smaller size`,
    );
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const data = await sharp(image.data, { raw })
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(data) };
}

function cropCenter(image: RgbImage, width: number, height: number): RgbImage {
  return cropImage(
    image,
    Math.floor((image.width - width) / 2),
    Math.floor((image.height - height) / 2),
    width,
    height,
  );
}

/**
 * The pictures to tokenize: one centred square of `size` pixels; ten (four corners and the centre of a slightly
 * larger picture, and their mirror images); or the picture itself, trimmed to whole tokens.
 * @param factor pixels of one token along each axis
 * @throws InputError when a picture is too narrow, or a size too large, to be resampled.
 */
export async function cropForTokens(
  image: RgbImage,
  crop: Crop,
  size: number,
  factor: number,
): Promise<readonly RgbImage[]> {
  switch (crop) {
    case 'center':
      return [cropCenter(await resizeShorterSide(image, size), size, size)];
    case 'ten': {
      const larger = await resizeShorterSide(image, Math.round(size * TEN_CROP_MARGIN));
      const [right, bottom] = [larger.width - size, larger.height - size];
      const corners = [
        [0, 0],
        [right, 0],
        [0, bottom],
        [right, bottom],
      ] as const;
      const crops = [
        ...corners.map(([left, top]) => cropImage(larger, left, top, size, size)),
        cropCenter(larger, size, size),
      ];
      return [...crops, ...crops.map(flipImage)];
    }
    case 'none':
      return [
        cropCenter(image, image.width - (image.width % factor), image.height - (image.height % factor)),
      ];
  }
}

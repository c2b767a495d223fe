import { PNG } from 'pngjs';
import sharp from 'sharp';
import { InputError } from '../errors.js';

/** 8-bit RGB pixels, row by row from the top left. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` */
  readonly data: Uint8Array;
}

/** How a picture becomes the size that is wanted. */
export const CROPS = ['center', 'ten', 'none'] as const;
export type Crop = (typeof CROPS)[number];

const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const PNG_SIZE_OFFSET = 16;
/** Decoded pixels stay below this, whatever a file claims. */
const MAX_PIXELS = 1 << 28;
/** Ten crops are cut from the picture at this multiple of the wanted size, as LlamaGen's data were made. */
const TEN_CROP_MARGIN = 1.1;

function isPng(bytes: Uint8Array): boolean {
  return PNG_SIGNATURE.every((byte, index) => bytes[index] === byte);
}

/** Transparent pixels show white, as on paper. */
export function flattenOnWhite({ width, height, data: rgba }: RgbaImage): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = rgba[pixel * 4 + 3]! / 255;
    for (let channel = 0; channel < 3; channel++)
      data[pixel * 3 + channel] = Math.round(rgba[pixel * 4 + channel]! * alpha + 255 * (1 - alpha));
  }
  return { width, height, data };
}

/** 8-bit RGB pixels with their opacity, row by row from the top left. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]` */
  readonly data: Uint8Array;
}

function decodePng(bytes: Uint8Array, source: string): RgbaImage {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const complete = bytes.length >= PNG_SIZE_OFFSET + 8;
  const [width, height] = complete
    ? [header.getUint32(PNG_SIZE_OFFSET), header.getUint32(PNG_SIZE_OFFSET + 4)]
    : [0, 0];
  if (width * height > MAX_PIXELS)
    throw new InputError(
      `${source}: ${width}×${height} pixels are more than the ${MAX_PIXELS} that are allowed`,
    );
  try {
    const { data, ...size } = PNG.sync.read(Buffer.from(bytes));
    return { width: size.width, height: size.height, data };
  } catch (error) {
    throw new InputError(`${source}: the PNG is damaged or cut short; copy or export it again`, error);
  }
}

/**
 * Decodes a PNG, JPEG or WebP picture; transparent pixels show white.
 * @param source its name, for messages
 * @throws InputError when it is damaged, too large or of another kind.
 */
export async function decodeImage(bytes: Uint8Array, source: string): Promise<RgbImage> {
  return flattenOnWhite(await decodeRgba(bytes, source));
}

/** Decodes a picture as `decodeImage` does, with its opacity. */
export async function decodeRgba(bytes: Uint8Array, source: string): Promise<RgbaImage> {
  if (bytes.length === 0) throw new InputError(`${source}: it is empty`);
  if (isPng(bytes)) return decodePng(bytes, source);
  try {
    const decoder = sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .rotate()
      .ensureAlpha()
      .toColourspace('srgb');
    const { data, info } = await decoder.raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    throw new InputError(`${source}: not a PNG, JPEG or WebP picture that can be read`, error);
  }
}

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

/** A part of a picture. */
export function cropImage(
  image: RgbImage,
  left: number,
  top: number,
  width: number,
  height: number,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + width * 3), row * width * 3);
  }
  return { width, height, data };
}

/** The picture mirrored left to right. */
export function flipImage({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const mirrored = pixel - (pixel % width) + (width - 1 - (pixel % width));
    flipped.set(data.subarray(pixel * 3, pixel * 3 + 3), mirrored * 3);
  }
  return { width, height, data: flipped };
}

/** The picture resampled (Lanczos) so that its shorter side is `size`. */
async function resizeShorterSide(image: RgbImage, size: number): Promise<RgbImage> {
  const scale = size / Math.min(image.width, image.height);
  const width = Math.max(size, Math.round(image.width * scale));
  const height = Math.max(size, Math.round(image.height * scale));
  if (width === image.width && height === image.height) return image;
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

/** Pictures of one size side by side in rows, with a white gap. */
export function gridOfImages(images: readonly RgbImage[], columns: number, gap = 2): RgbImage {
  const { width, height } = images[0]!;
  const rows = Math.ceil(images.length / columns);
  const total = { width: columns * (width + gap) - gap, height: rows * (height + gap) - gap };
  const data = new Uint8Array(total.width * total.height * 3).fill(255);
  for (const [index, image] of images.entries()) {
    const left = (index % columns) * (width + gap);
    const top = Math.floor(index / columns) * (height + gap);
    for (let row = 0; row < height; row++)
      data.set(
        image.data.subarray(row * width * 3, (row + 1) * width * 3),
        ((top + row) * total.width + left) * 3,
      );
  }
  return { ...total, data };
}

import { UsageError } from '../errors.js';

/** 8-bit RGB pixels, row by row from the top left. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]` */
  readonly data: Uint8Array;
}

/** 8-bit RGB pixels with their opacity, row by row from the top left. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]` */
  readonly data: Uint8Array;
}

/**
 * Refuses what is no picture of the size that it claims to have.
 * @param channels 3 for RGB, 4 with opacity
 * @throws UsageError
 */
export function requirePicture(picture: RgbImage | RgbaImage, channels: 3 | 4): void {
  if (typeof picture !== 'object' || picture === null || !(picture.data instanceof Uint8Array))
    throw new UsageError('a picture must be { width, height, data }, its data a Uint8Array');
  const { width, height, data } = picture;
  const isSize = (value: number) => Number.isSafeInteger(value) && value > 0;
  if (!isSize(width) || !isSize(height))
    throw new UsageError(`a picture of ${width}×${height} pixels: both sides must be whole numbers above 0`);
  if (data.length !== width * height * channels)
    throw new UsageError(
      `a picture of ${width}×${height} pixels has ${data.length} values instead of ${width * height * channels}`,
    );
}

/** Transparent pixels show white, as on paper. */
export function flattenOnWhite({ width, height, data: rgba }: RgbaImage): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = rgba[pixel * 4 + 3]! / 255;
    if (alpha === 1) {
      data[pixel * 3] = rgba[pixel * 4]!;
      data[pixel * 3 + 1] = rgba[pixel * 4 + 1]!;
      data[pixel * 3 + 2] = rgba[pixel * 4 + 2]!;
      continue;
    }
    for (let channel = 0; channel < 3; channel++)
      data[pixel * 3 + channel] = Math.round(rgba[pixel * 4 + channel]! * alpha + 255 * (1 - alpha));
  }
  return { width, height, data };
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

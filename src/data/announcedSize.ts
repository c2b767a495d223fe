import { InputError } from '../errors.js';
import { pictureKind } from './pictureKind.js';
import { sizeOfPng } from './pngFile.js';
import { sharp } from './sharp.js';

/**
 * The pixels that a PNG, JPEG or WebP picture announces, before any is decoded; 0 for what is none of these, which
 * decoding refuses.
 * @param source its name, for messages
 * @throws InputError when its head is damaged.
 */
export async function announcedPixels(bytes: Uint8Array, source: string): Promise<number> {
  const kind = pictureKind(bytes);
  if (kind === undefined) return 0;
  const { width, height } = kind === 'png' ? sizeOfPng(bytes) : await sizeOfHead(bytes, source);
  return width * height;
}

async function sizeOfHead(bytes: Uint8Array, source: string) {
  try {
    return await sharp(bytes).metadata();
  } catch (error) {
    throw new InputError(`${source}: the picture is damaged; copy or export it again`, error);
  }
}

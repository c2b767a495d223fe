import type { Metadata } from 'sharp';
import { sharp } from './sharp.js';
import { InputError } from '../errors.js';
import { stretchBinary } from './binaryMask.js';
import { isSrgbProfile, toSrgb } from './colourProfile.js';
import { parseJpeg, requireReadableJpeg } from './jpegFile.js';
import { turnUpright } from './orientation.js';
import { nameOtherKind, type PictureKind, pictureKind } from './pictureKind.js';
import { MAX_PIXELS, requireReadableSize } from './pictureLimits.js';
import { flattenOnWhite, type RgbaImage, type RgbImage } from './pixels.js';
import type { PngFile } from './pngFile.js';
import { fromGamma } from './pngGamma.js';
import { openPng, plainPng, pngPixels } from './pngPixels.js';
import { endOfWebp } from './webpFile.js';

/** A PNG's chunks that matter to its colours and how it lies. */
const TAGGED = ['iCCP', 'eXIf'];
const FRAME_COUNT_BYTES = 4;
const NAMES: Readonly<Record<PictureKind, string>> = { png: 'PNG', jpeg: 'JPEG', webp: 'WebP' };

/**
 * Decodes a PNG, JPEG or WebP picture: upright, in sRGB, transparent pixels white. What follows its end is ignored.
 * @param source its name, for messages
 * @throws InputError when it is damaged, cut short, too large, a moving picture or of another kind.
 */
export async function decodeImage(bytes: Uint8Array, source: string): Promise<RgbImage> {
  return flattenOnWhite(await decodeRgba(bytes, source));
}

/** Decodes a picture as `decodeImage` does, with its opacity. */
export async function decodeRgba(bytes: Uint8Array, source: string): Promise<RgbaImage> {
  if (bytes.length === 0) throw new InputError(`${source}: it is empty`);
  switch (pictureKind(bytes)) {
    case 'png':
      return decodePng(bytes, source);
    case 'jpeg':
      return decodeJpeg(bytes, source);
    case 'webp':
      return decodeWebp(bytes, source);
    case undefined: {
      const other = nameOtherKind(bytes);
      const what = other === undefined ? 'not a picture of a known format' : `it is ${other}`;
      throw new InputError(`${source}: ${what}; pictures are read from PNG, JPEG and WebP`);
    }
  }
}

async function decodePng(bytes: Uint8Array, source: string): Promise<RgbaImage> {
  const file = await openStillPng(bytes, source);
  return upright(file, pngPixels(file, source), source);
}

async function openStillPng(bytes: Uint8Array, source: string): Promise<PngFile> {
  const file = await openPng(bytes, source);
  const animation = file.extras.get('acTL');
  if (animation && animation.length >= FRAME_COUNT_BYTES)
    requireStill(new DataView(animation.buffer, animation.byteOffset).getUint32(0), source);
  return file;
}

/**
 * A PNG's stored pixels in sRGB and turned upright, as the file says how: a colour profile says it best, then that it
 * is sRGB, then a gamma. Chromaticities alone are not looked at.
 */
async function upright(file: PngFile, stored: RgbaImage, source: string): Promise<RgbaImage> {
  const { icc, orientation } = TAGGED.some((type) => file.extras.has(type))
    ? await readTags(plainPng(file, [...TAGGED, 'PLTE', 'tRNS']), 'png', source)
    : {};
  const gamma = file.extras.has('sRGB') ? undefined : file.extras.get('gAMA');
  const converted = async () => {
    if (icc) return (await isSrgbProfile(icc)) ? stored : toSrgb(stored, icc);
    return gamma ? fromGamma(stored, gamma) : stored;
  };
  return turnUpright(await converted(), orientation ?? 1);
}

/** A picture that is a mask, and what there is to say about how it was read. */
export interface MaskPicture {
  readonly picture: RgbaImage;
  readonly note?: string;
}

/**
 * Decodes a picture as `decodeRgba` does, but reads PNGs whose values are 0 and 1, as programs write masks, as black
 * and white, whatever number of bits they have.
 */
export async function decodeMask(bytes: Uint8Array, source: string): Promise<MaskPicture> {
  if (pictureKind(bytes) !== 'png') return { picture: await decodeRgba(bytes, source) };
  const file = await openStillPng(bytes, source);
  const stored = pngPixels(file, source);
  const stretched = stretchBinary(file, stored, source);
  const picture = await upright(file, stretched ?? stored, source);
  return stretched
    ? { picture, note: `${source}: the mask's values are 0 and 1; 1 is read as white` }
    : { picture };
}

async function decodeJpeg(bytes: Uint8Array, source: string): Promise<RgbaImage> {
  const file = parseJpeg(bytes, 0, source);
  requireReadableJpeg(file, file.ownEnd, source);
  const own = bytes.subarray(0, file.ownEnd);
  const { icc, space } = await readTags(own, 'jpeg', source);
  const keepsValues = icc !== undefined && space !== 'cmyk' && (await isSrgbProfile(icc));
  return decodeWithSharp(own, 'jpeg', keepsValues, source);
}

async function decodeWebp(bytes: Uint8Array, source: string): Promise<RgbaImage> {
  const own = bytes.subarray(0, endOfWebp(bytes, 0, source));
  const { icc, width, height, pages } = await readTags(own, 'webp', source);
  requireStill(pages ?? 1, source);
  requireReadableSize({ width, height, kind: 'webp', bytes: own.length }, source);
  return decodeWithSharp(own, 'webp', icc !== undefined && (await isSrgbProfile(icc)), source);
}

/** Refuses moving pictures: which of their frames is meant, nobody said. */
function requireStill(frames: number, source: string): void {
  if (frames > 1)
    throw new InputError(`${source}: a moving picture of ${frames} frames; export the one that is meant`);
}

function damaged(kind: PictureKind, source: string, cause: unknown): InputError {
  return new InputError(`${source}: the ${NAMES[kind]} is damaged; copy or export it again`, cause);
}

/** What a picture says about itself, without its pixels. */
async function readTags(bytes: Uint8Array, kind: PictureKind, source: string): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw damaged(kind, source, error);
  }
}

/** @param keepsValues whether its profile is left aside, since it says nothing but sRGB */
async function decodeWithSharp(
  bytes: Uint8Array,
  kind: PictureKind,
  keepsValues: boolean,
  source: string,
): Promise<RgbaImage> {
  try {
    const { data, info } = await sharp(bytes, {
      failOn: 'error',
      limitInputPixels: MAX_PIXELS,
      ignoreIcc: keepsValues,
    })
      .autoOrient()
      .ensureAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    throw damaged(kind, source, error);
  }
}

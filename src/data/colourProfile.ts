import { deflateSync } from 'node:zlib';
import { sharp } from './sharp.js';
import type { RgbaImage } from './pixels.js';
import { joinPng } from './pngFile.js';

/** A profile that moves no colour by more than this of 255 is sRGB, written another way. */
const TOLERANCE = 2;
/** Levels of each channel that are tried. */
const LEVELS = 9;
/** Where a profile names its kind of colours, and that of grey ones. */
const SPACE_OFFSET = 16;
const GREY_SPACE = 'GRAY';
/** PNG's numbers for grey and for colour, both with opacity. */
const GREY_ALPHA = 4;
const RGBA = 6;

/** A PNG chunk with a colour profile. */
export function profileChunk(profile: Uint8Array): readonly [type: string, data: Uint8Array] {
  return ['iCCP', Buffer.concat([Buffer.from('profile\0\0'), deflateSync(profile)])];
}

function isGreyProfile(profile: Uint8Array): boolean {
  const space = profile.subarray(SPACE_OFFSET, SPACE_OFFSET + GREY_SPACE.length);
  return Buffer.from(space).toString('latin1') === GREY_SPACE;
}

/** The rows of a PNG, each after its filter byte; of grey pixels, the first channel and the opacity. */
function pngRows({ width, height, data }: RgbaImage, isGrey: boolean): Uint8Array {
  const rowBytes = 1 + width * (isGrey ? 2 : 4);
  const rows = new Uint8Array(height * rowBytes);
  for (let row = 0; row < height; row++) {
    const stored = data.subarray(row * width * 4, (row + 1) * width * 4);
    const kept = isGrey ? stored.filter((_, index) => index % 4 === 0 || index % 4 === 3) : stored;
    rows.set(kept, row * rowBytes + 1);
  }
  return rows;
}

/**
 * The picture in sRGB, from the colours of a profile. One that cannot be used changes nothing.
 *
 * It goes through a PNG of 8 bits, since sharp takes no profile for bare pixels, and takes those of 16 bits to another
 * space.
 * @param profile ICC profile of colours or, for grey pictures, of greys
 */
export async function toSrgb(image: RgbaImage, profile: Uint8Array): Promise<RgbaImage> {
  const { width, height } = image;
  const isGrey = isGreyProfile(profile);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, isGrey ? GREY_ALPHA : RGBA], 8);
  const packed = deflateSync(pngRows(image, isGrey), { level: 0 });
  const png = joinPng([['IHDR', header], profileChunk(profile), ['IDAT', packed]]);
  const data = await sharp(png).ensureAlpha().toColourspace('srgb').raw().toBuffer();
  return { width, height, data };
}

const levels = Array.from({ length: LEVELS }, (_, level) => Math.round((level * 255) / (LEVELS - 1)));
const greys = Array.from({ length: 256 }, (_, grey) => [grey, grey, grey, 255]);
const colours = levels.flatMap((red) =>
  levels.flatMap((green) => levels.map((blue) => [red, green, blue, 255])),
);

function rowOf(pixels: readonly (readonly number[])[]): RgbaImage {
  return { width: pixels.length, height: 1, data: Uint8Array.from(pixels.flat()) };
}

/**
 * Whether a colour profile says what sRGB says, so that pixels stay as they are: tried on colours all over the range,
 * since that profile is written in many ways. One that cannot be used says nothing, which is sRGB too.
 * @param profile ICC profile
 */
export async function isSrgbProfile(profile: Uint8Array): Promise<boolean> {
  const probe = rowOf(isGreyProfile(profile) ? greys : [...greys, ...colours]);
  const { data } = await toSrgb(probe, profile).catch(() => probe);
  return probe.data.every((value, index) => Math.abs(value - data[index]!) <= TOLERANCE);
}

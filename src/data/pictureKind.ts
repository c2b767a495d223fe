import { startsJpeg } from './jpegFile.js';
import { startsPng } from './pngFile.js';
import { startsWebp } from './webpFile.js';

/** The formats that are read. */
export type PictureKind = 'png' | 'jpeg' | 'webp';

/** The format of the picture that starts at an offset, by its content. */
export function pictureKind(bytes: Uint8Array, offset = 0): PictureKind | undefined {
  if (startsPng(bytes, offset)) return 'png';
  if (startsJpeg(bytes, offset)) return 'jpeg';
  return startsWebp(bytes, offset) ? 'webp' : undefined;
}

/** What else files are, by what they have at an offset, in Latin-1. */
const OTHERS: readonly (readonly [name: string, offset: number, ...texts: readonly string[]])[] = [
  ['a GIF', 0, 'GIF8'],
  ['a TIFF or camera raw file', 0, 'II*\0', 'MM\0*', 'II+\0', 'MM\0+'],
  ['a BMP', 0, 'BM'],
  ['an AVIF', 4, 'ftypavif', 'ftypavis'],
  ['a HEIC (HEIF)', 4, 'ftyphei', 'ftyphev', 'ftyphec', 'ftypmif1', 'ftypmsf1'],
  ['a film (MP4 or the like)', 4, 'ftyp'],
  ['a JPEG XL', 0, '\xff\x0a', '\0\0\0\x0cJXL '],
  ['a JPEG 2000', 0, '\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'],
  ['a PDF', 0, '%PDF'],
  ['a PostScript file', 0, '%!PS'],
  ['a Photoshop file', 0, '8BPS'],
  ['a GIMP file', 0, 'gimp xcf'],
  ['an icon (ICO)', 0, '\0\0\x01\0', '\0\0\x02\0'],
  ['a PNM', 0, ...['1', '2', '3', '4', '5', '6', '7'].flatMap((kind) => [`P${kind}\n`, `P${kind} `])],
  ['a QOI', 0, 'qoif'],
  ['an OpenEXR file', 0, 'v/1\x01'],
  ['a Radiance file', 0, '#?RADIANCE'],
  ['a FITS file', 0, 'SIMPLE  ='],
  ['an MNG', 0, '\x8aMNG'],
  ['a zip archive', 0, 'PK\x03\x04'],
  ['a gzip file', 0, '\x1f\x8b'],
  ['a NumPy file', 0, '\x93NUMPY'],
  ['a Git LFS pointer, whose file was not fetched (git lfs pull)', 0, 'version https://git-lfs'],
  ['a PNG whose first bytes were changed, as by a transfer in text mode; copy it again', 1, 'PNG'],
];
/** What text files are. */
const TEXTS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['an SVG', /<svg[\s>]/i],
  ['an HTML page', /<(?:!DOCTYPE html|html|head|body)[\s>]/i],
  ['an XML file', /^\s*<\?xml/],
];
/** So many bytes are looked at. */
const LOOKED_AT = 512;

/** What a file that is no picture of the formats that are read seems to be; undefined when nobody knows. */
export function nameOtherKind(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, LOOKED_AT)).toString('latin1');
  const binary = OTHERS.find(([, offset, ...texts]) => texts.some((text) => start.startsWith(text, offset)));
  return binary?.[0] ?? TEXTS.find(([, pattern]) => pattern.test(start))?.[0];
}

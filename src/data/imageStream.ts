import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { JsonError, parseJson } from '../files/jsonText.js';
import { validator } from '../jsonFile.js';
import { parseJpeg } from './jpegFile.js';
import { type PictureKind, pictureKind } from './pictureKind.js';
import { streamPixelLimit } from './pictureLimits.js';
import { endOfPng, sizeOfPng } from './pngFile.js';
import { endOfWebp, sizeOfWebp } from './webpFile.js';

/** An encoded picture and its name, for messages. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly source: string;
}

/** What is done with bytes after a picture that begin no other: a file may have them, in a stream something was lost. */
export type TrailingBytes = 'refused' | 'ignored';

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
const OPENING_BRACE = 0x7b;
const WHITESPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];
const NOT_BASE64 = /[^A-Za-z0-9+/]/;

const validateLine = validator<{ readonly image: string }>({
  type: 'object',
  required: ['image'],
  properties: { image: { type: 'string', minLength: 1 } },
  additionalProperties: true,
} as JSONSchemaType<{ readonly image: string }>);

/** Where the picture that starts at an offset ends. */
function endOfPicture(kind: PictureKind, bytes: Uint8Array, start: number, source: string): number {
  switch (kind) {
    case 'png':
      return endOfPng(bytes, start);
    case 'jpeg':
      return parseJpeg(bytes, start, source).end;
    case 'webp':
      return endOfWebp(bytes, start, source);
  }
}

/** Pixels that a picture announces; 0 for what is none, which decoding refuses. */
function announcedPixels({ bytes, source }: EncodedPicture): number {
  switch (pictureKind(bytes)) {
    case 'png':
      return area(sizeOfPng(bytes));
    case 'jpeg':
      return area(parseJpeg(bytes, 0, source));
    case 'webp':
      return area(sizeOfWebp(bytes));
    case undefined:
      return 0;
  }
}

function area({ width, height }: { readonly width: number; readonly height: number }): number {
  return width * height;
}

function splitBinary(bytes: Uint8Array, source: string, trailing: TrailingBytes): readonly EncodedPicture[] {
  const pictures: EncodedPicture[] = [];
  for (let start = 0; start < bytes.length; ) {
    const kind = pictureKind(bytes, start);
    if (!kind) {
      if (trailing === 'ignored' || bytes.subarray(start).every((byte) => byte === 0)) break;
      throw new InputError(
        `${source}: after picture ${pictures.length} comes something that is no PNG, JPEG or WebP picture`,
      );
    }
    const name = `${source}: picture ${pictures.length + 1}`;
    const end = endOfPicture(kind, bytes, start, start === 0 ? source : name);
    pictures.push({ bytes: bytes.subarray(start, end), source: name });
    start = end;
  }
  return pictures.length === 1 ? [{ bytes: pictures[0]!.bytes, source }] : pictures;
}

/** @throws InputError for anything that would not be decoded to the last character. */
function decodeBase64(text: string, place: string): Uint8Array {
  const packed = text.replaceAll(/\s/g, '');
  const digits = packed.replace(/={1,2}$/, '');
  const isPadded = digits.length < packed.length;
  if (NOT_BASE64.test(digits) || digits.length % 4 === 1 || (isPadded && packed.length % 4 !== 0))
    throw new InputError(`${place}: its image is not base64; expected {"image": "…base64…"}`);
  return Buffer.from(digits, 'base64');
}

function parseLines(bytes: Uint8Array, source: string): readonly EncodedPicture[] {
  // The decoder drops a byte order mark.
  const text = new TextDecoder().decode(bytes);
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const place = `${source}: line ${index + 1}`;
    let value: unknown;
    try {
      value = parseJson(line);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      throw new InputError(`${place}: ${error.message}; expected {"image": "…base64…"}`, error);
    }
    return [{ bytes: decodeBase64(validateLine(value, place).image, place), source: place }];
  });
}

/** Whether text begins that is a JSON object: after a byte order mark and white space, if any. */
function startsObject(bytes: Uint8Array): boolean {
  let offset = BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte) ? BYTE_ORDER_MARK.length : 0;
  while (WHITESPACE.includes(bytes[offset]!)) offset++;
  return bytes[offset] === OPENING_BRACE;
}

/**
 * The pictures of a file or stream: PNG, JPEG and WebP pictures one after another, or JSON lines
 * `{"image": "…base64…"}`. Bytes that are neither are one picture, for the decoder to say what they are.
 * @param source its name, for messages
 * @param trailing what to do with bytes after a picture that begin no other; zeros are always ignored
 * @throws InputError when one is cut short, or when what follows a picture is none.
 */
export function splitPictures(
  bytes: Uint8Array,
  source: string,
  trailing: TrailingBytes = 'refused',
): readonly EncodedPicture[] {
  if (!pictureKind(bytes) && !startsObject(bytes)) return [{ bytes, source }];
  const pictures = pictureKind(bytes) ? splitBinary(bytes, source, trailing) : parseLines(bytes, source);
  if (pictures.length > 1) requireReadableStream(pictures, bytes.length, source);
  return pictures;
}

/** Refuses streams of pictures that announce more pixels together than their bytes are worth. */
function requireReadableStream(pictures: readonly EncodedPicture[], bytes: number, source: string): void {
  const pixels = pictures.reduce((sum, picture) => sum + announcedPixels(picture), 0);
  const limit = streamPixelLimit(bytes);
  if (pixels > limit)
    throw new InputError(
      `${source}: its ${pictures.length} pictures have ${pixels} pixels, more than the ${limit} that a stream of ${bytes} bytes may have; send fewer at a time`,
    );
}

import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { validator } from '../jsonFile.js';

/** An encoded picture and its name, for messages. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly source: string;
}

const PNG_START = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Length, type and checksum of a chunk. */
const CHUNK_OVERHEAD = 12;
const OPENING_BRACE = 0x7b;

const validateLine = validator<{ readonly image: string }>({
  type: 'object',
  required: ['image'],
  properties: { image: { type: 'string', minLength: 1 } },
  additionalProperties: true,
} as JSONSchemaType<{ readonly image: string }>);

/** Where the PNG that starts at an offset ends; the end of the bytes when it is cut short. */
function endOfPng(bytes: Uint8Array, start: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = start + PNG_START.length;
  while (offset + CHUNK_OVERHEAD <= bytes.length) {
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    offset += view.getUint32(offset) + CHUNK_OVERHEAD;
    if (type === 'IEND') return Math.min(offset, bytes.length);
  }
  return bytes.length;
}

function startsPng(bytes: Uint8Array, offset: number): boolean {
  return PNG_START.every((byte, index) => bytes[offset + index] === byte);
}

function splitPngs(bytes: Uint8Array, source: string): readonly EncodedPicture[] {
  const pictures: EncodedPicture[] = [];
  for (let start = 0; start < bytes.length; ) {
    if (!startsPng(bytes, start))
      throw new InputError(`${source}: after picture ${pictures.length} comes something that is no PNG`);
    const end = endOfPng(bytes, start);
    pictures.push({ bytes: bytes.subarray(start, end), source: `${source}: picture ${pictures.length + 1}` });
    start = end;
  }
  return pictures.length === 1 ? [{ bytes, source }] : pictures;
}

function parseLines(bytes: Uint8Array, source: string): readonly EncodedPicture[] {
  const text = new TextDecoder().decode(bytes);
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const place = `${source}: line ${index + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new InputError(`${place}: not JSON; expected {"image": "…base64…"}`);
    }
    return [{ bytes: Buffer.from(validateLine(value, place).image, 'base64'), source: place }];
  });
}

/**
 * The pictures of a file or stream: one of any kind, PNGs one after another, or JSON lines `{"image": "…base64…"}`.
 * @param source its name, for messages
 * @throws InputError when what follows a picture is none.
 */
export function splitPictures(bytes: Uint8Array, source: string): readonly EncodedPicture[] {
  if (startsPng(bytes, 0)) return splitPngs(bytes, source);
  if (bytes[0] === OPENING_BRACE) return parseLines(bytes, source);
  return [{ bytes, source }];
}

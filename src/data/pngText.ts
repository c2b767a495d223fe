import { crc32, inflateSync } from 'node:zlib';
import { pngChunk, pngChunks } from './pngFile.js';

/** A text that a PNG carries: its keyword, of 1 to 79 Latin-1 characters, and any text. */
export interface PngText {
  readonly keyword: string;
  readonly text: string;
}

/** The longest text that is read, with its keyword. */
export const MAX_TEXT_BYTES = 1 << 20;
const SIGNATURE_BYTES = 8;
/** What tEXt may hold: Latin-1 but its control characters. */
const LATIN = /^[\n\x20-\x7e\xa0-\xff]*$/;

/** Latin-1 fits in `tEXt`, which all programs read; all else needs the UTF-8 of `iTXt`. */
function textChunk({ keyword, text }: PngText): Uint8Array {
  if (LATIN.test(text)) return pngChunk('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1'));
  // Not compressed, and no language named.
  return pngChunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text)]));
}

/** The PNG with texts right behind its header; the same bytes for the same texts. */
export function withPngTexts(png: Uint8Array, texts: readonly PngText[]): Uint8Array {
  const [header] = pngChunks(png);
  const start = SIGNATURE_BYTES + header!.bytes.length;
  return Buffer.concat([png.subarray(0, start), ...texts.map(textChunk), png.subarray(start)]);
}

/** The end of the text that a zero byte ends. */
function untilZero(data: Uint8Array, start: number): number {
  const end = data.indexOf(0, start);
  return end < 0 ? data.length : end;
}

function unpacked(bytes: Uint8Array): Uint8Array {
  return inflateSync(bytes, { maxOutputLength: MAX_TEXT_BYTES });
}

/** The text of a chunk's data behind its keyword. @throws when it is packed and damaged, or too long. */
function textOf(type: string, data: Uint8Array, keywordEnd: number): string {
  const rest = data.subarray(keywordEnd + 1);
  if (type === 'tEXt') return Buffer.from(rest).toString('latin1');
  // The method, of which there is one.
  if (type === 'zTXt') return Buffer.from(unpacked(rest.subarray(1))).toString('latin1');
  // Whether it is packed, the method, the language and the keyword in it.
  const isPacked = rest[0] === 1;
  const start = untilZero(rest, untilZero(rest, 2) + 1) + 1;
  const bytes = rest.subarray(start);
  return Buffer.from(isPacked ? unpacked(bytes) : bytes).toString('utf8');
}

/**
 * The first text of a keyword in a PNG, which may come from anywhere; undefined where there is none that is whole.
 * @returns at most a megabyte
 */
export function pngText(png: Uint8Array, keyword: string): string | undefined {
  for (const { type, data, bytes, checksum } of pngChunks(png)) {
    if (!['tEXt', 'zTXt', 'iTXt'].includes(type) || data.length > MAX_TEXT_BYTES) continue;
    const end = untilZero(data, 0);
    if (Buffer.from(data.subarray(0, end)).toString('latin1') !== keyword) continue;
    if (crc32(bytes.subarray(4, -4)) !== checksum) return undefined;
    try {
      return textOf(type, data, end);
    } catch {
      return undefined;
    }
  }
  return undefined;
}

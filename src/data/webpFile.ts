import { InputError } from '../errors.js';

const HEADER_BYTES = 12;
/** The first chunk, the bytes of it that hold the size, and the bits of a side in two of its kinds. */
const CHUNK_OFFSET = 12;
const CHUNK_START_BYTES = 18;
const SIDE_BITS = 0x3fff;

/** Whether a WebP starts at an offset. */
export function startsWebp(bytes: Uint8Array, offset = 0): boolean {
  const text = Buffer.from(bytes.subarray(offset, offset + HEADER_BYTES)).toString('latin1');
  return text.startsWith('RIFF') && text.endsWith('WEBP');
}

/**
 * Where the WebP that starts at an offset ends.
 * @throws InputError when the bytes end before.
 */
export function endOfWebp(bytes: Uint8Array, start: number, source: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(start + 4, true);
  if (start + 8 + size > bytes.length)
    throw new InputError(`${source}: the WebP is cut short; copy or export it again`);
  // Sizes are even; some writers leave out the last padding byte.
  return Math.min(bytes.length, start + 8 + size + (size % 2));
}

/** Three bytes of a number, the lowest first. */
function readUint24(view: DataView, offset: number): number {
  return view.getUint16(offset, true) + (view.getUint8(offset + 2) << 16);
}

/** The size that the WebP that the bytes start with announces, unchecked; 0 when it does not get so far. */
export function sizeOfWebp(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  if (bytes.length < CHUNK_OFFSET + CHUNK_START_BYTES) return { width: 0, height: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = CHUNK_OFFSET + 8;
  switch (Buffer.from(bytes.subarray(CHUNK_OFFSET, CHUNK_OFFSET + 4)).toString('latin1')) {
    case 'VP8X':
      return { width: readUint24(view, start + 4) + 1, height: readUint24(view, start + 7) + 1 };
    case 'VP8L': {
      const sizes = view.getUint32(start + 1, true);
      return { width: (sizes & SIDE_BITS) + 1, height: ((sizes >>> 14) & SIDE_BITS) + 1 };
    }
    case 'VP8 ':
      return {
        width: view.getUint16(start + 6, true) & SIDE_BITS,
        height: view.getUint16(start + 8, true) & SIDE_BITS,
      };
    default:
      return { width: 0, height: 0 };
  }
}

import { InputError } from '../errors.js';
import { endOfMultiPicture } from './jpegMultiPicture.js';
import { requireReadableSize } from './pictureLimits.js';

const MARKER = 0xff;
const STUFFING = 0x00;
const FIRST_RESTART = 0xd0;
const LAST_RESTART = 0xd7;
const START_OF_IMAGE = 0xd8;
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APPLICATION_2 = 0xe2;
/** Start of frame: the header with the size, whatever the coding. */
const FRAME = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
const FRAME_BYTES = 8;
/** Encoders write about ten scans; each goes over all pixels once more, however few bytes it has. */
const MAX_SCANS = 32;

/** A JPEG whose structure is sound. */
export interface JpegFile {
  /** Where it ends, with the pictures that it says belong to it, such as a depth map. */
  readonly end: number;
  /** Where its own picture ends. */
  readonly ownEnd: number;
  readonly width: number;
  readonly height: number;
  readonly scans: number;
}

/** Whether a JPEG starts at an offset. */
export function startsJpeg(bytes: Uint8Array, offset = 0): boolean {
  return bytes[offset] === MARKER && bytes[offset + 1] === START_OF_IMAGE && bytes[offset + 2] === MARKER;
}

/** Where the next marker after packed pixels is; −1 when the bytes end before. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let offset = bytes.indexOf(MARKER, start); offset >= 0; offset = bytes.indexOf(MARKER, offset + 1)) {
    const next = bytes[offset + 1];
    if (next === undefined) return -1;
    const isData = next === STUFFING || next === MARKER || (next >= FIRST_RESTART && next <= LAST_RESTART);
    if (!isData) return offset;
  }
  return -1;
}

/**
 * Reads the structure of the JPEG that starts at an offset, without decoding it.
 * @throws InputError when it is cut short or has no size.
 */
export function parseJpeg(bytes: Uint8Array, start: number, source: string): JpegFile {
  const cut = () => new InputError(`${source}: the JPEG is cut short; copy or export it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: { readonly width: number; readonly height: number } | undefined;
  let scans = 0;
  let belongingEnd = 0;
  for (let offset = start + 2; ; ) {
    // Before a marker there may be any number of fill bytes.
    offset = bytes.indexOf(MARKER, offset);
    while (offset >= 0 && bytes[offset + 1] === MARKER) offset++;
    if (offset < 0 || offset + 1 >= bytes.length) throw cut();
    const marker = bytes[offset + 1]!;
    offset += 2;
    if (marker === END_OF_IMAGE) {
      if (!size || scans === 0)
        throw new InputError(`${source}: the JPEG is damaged: it holds no pixels; copy or export it again`);
      return { ...size, scans, ownEnd: offset, end: Math.max(offset, belongingEnd) };
    }
    if (marker === STUFFING || (marker >= FIRST_RESTART && marker <= START_OF_IMAGE)) continue;
    if (offset + 2 > bytes.length) throw cut();
    const end = offset + view.getUint16(offset);
    if (end > bytes.length) throw cut();
    const segment = bytes.subarray(offset, end);
    if (FRAME.includes(marker) && segment.length >= FRAME_BYTES)
      size ??= { height: view.getUint16(offset + 3), width: view.getUint16(offset + 5) };
    if (marker === APPLICATION_2)
      belongingEnd = Math.max(belongingEnd, endOfMultiPicture(bytes, offset, end));
    offset = Math.max(end, offset + 2);
    if (marker === START_OF_SCAN) {
      scans++;
      offset = endOfScan(bytes, offset);
      if (offset < 0) throw cut();
    }
  }
}

/**
 * Refuses JPEGs that would take too much time or memory.
 * @param bytes of the picture's own file
 */
export function requireReadableJpeg({ width, height, scans }: JpegFile, bytes: number, source: string): void {
  requireReadableSize({ width, height, kind: 'jpeg', bytes }, source);
  if (scans > MAX_SCANS)
    throw new InputError(
      `${source}: the JPEG goes over its pixels ${scans} times, more than ${MAX_SCANS}; export it again`,
    );
}

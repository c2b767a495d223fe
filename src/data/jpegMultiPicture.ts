/** How a segment with the places of further pictures begins. */
const IDENTIFIER = 'MPF\0';
const LITTLE_ENDIAN = 0x4949;
const BIG_ENDIAN = 0x4d4d;
const IFD_ENTRY_BYTES = 12;
/** The IFD entry with the list of pictures, and the bytes of each in it. */
const PICTURE_LIST = 0xb002;
const PICTURE_BYTES = 16;

/**
 * Where the pictures end that a JPEG says belong to it (multi-picture format, CIPA DC-007): previews, depth and gain
 * maps, which cameras and phones write after it. 0 when the segment says nothing of the kind.
 * @param start of the segment's length field
 * @param end of the segment
 */
export function endOfMultiPicture(bytes: Uint8Array, start: number, end: number): number {
  const base = start + 2 + IDENTIFIER.length;
  if (base + 10 > end || Buffer.from(bytes.subarray(start + 2, base)).toString('latin1') !== IDENTIFIER)
    return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset + base, end - base);
  const order = view.getUint16(0);
  if (order !== LITTLE_ENDIAN && order !== BIG_ENDIAN) return 0;
  const little = order === LITTLE_ENDIAN;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return 0;
  const entries = view.getUint16(directory, little);
  for (let index = 0; index < entries; index++) {
    const entry = directory + 2 + index * IFD_ENTRY_BYTES;
    if (entry + IFD_ENTRY_BYTES > view.byteLength) return 0;
    if (view.getUint16(entry, little) !== PICTURE_LIST) continue;
    const [length, list] = [view.getUint32(entry + 4, little), view.getUint32(entry + 8, little)];
    if (list + length > view.byteLength) return 0;
    return lastEnd(view, list, Math.floor(length / PICTURE_BYTES), little, base, bytes.length);
  }
  return 0;
}

/** The end of the picture that lies last; those that would end beyond the file are left out. */
function lastEnd(
  view: DataView,
  list: number,
  count: number,
  little: boolean,
  base: number,
  fileBytes: number,
): number {
  const ends = Array.from({ length: count }, (_, index) => {
    const place = list + index * PICTURE_BYTES;
    const [size, offset] = [view.getUint32(place + 4, little), view.getUint32(place + 8, little)];
    // The first picture is the JPEG itself; its offset is 0.
    return offset === 0 ? 0 : base + offset + size;
  });
  return ends.filter((end) => end <= fileBytes).reduce((largest, end) => Math.max(largest, end), 0);
}

/** Encodings by the byte order mark that Windows programs put before a text. */
const MARKED_ENCODINGS = [
  { mark: [0xff, 0xfe], encoding: 'utf-16le' },
  { mark: [0xfe, 0xff], encoding: 'utf-16be' },
] as const;

/** A text file's content without its byte order mark: UTF-8 unless the mark says UTF-16. */
export function decodeText(bytes: Uint8Array): string {
  const marked = MARKED_ENCODINGS.find(({ mark }) => mark.every((byte, index) => bytes[index] === byte));
  return new TextDecoder(marked?.encoding ?? 'utf-8').decode(bytes);
}

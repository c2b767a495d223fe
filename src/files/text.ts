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

/** A line of a text and its number, from 1. */
export interface TextLine {
  readonly text: string;
  readonly number: number;
}

/** The lines that hold more than spaces. */
export function* linesOf(text: string): Generator<TextLine> {
  for (let start = 0, number = 1; start < text.length; number++) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, end).trim();
    if (line !== '') yield { text: line, number };
    start = end + 1;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether JSON nests arrays and objects deeper than a limit: parsers spend long on that, and run out of stack. */
export function nestsDeeper(json: string, limit: number): boolean {
  let [depth, isText] = [0, false];
  for (let place = 0; place < json.length; place++) {
    const letter = json.charCodeAt(place);
    if (isText) {
      if (letter === BACKSLASH) place++;
      else if (letter === QUOTE) isText = false;
    } else if (letter === QUOTE) isText = true;
    // Both brackets and braces, of which { is [ with one bit more.
    else if ((letter | 0x20) === 0x7b) {
      depth++;
      if (depth > limit) return true;
    } else if ((letter | 0x20) === 0x7d) depth--;
  }
  return false;
}

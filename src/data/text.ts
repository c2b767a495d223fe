/**
 * The text of a file: UTF-8, or UTF-16 where the mark at its beginning says so, as PowerShell writes it. The mark itself
 * is dropped.
 */
export function decodeText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder().decode(bytes);
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

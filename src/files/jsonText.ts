import { quotable } from '../errors.js';

/** Text that is not the JSON asked for; the message is a reason without the name of the file. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** Deeper nesting serves nothing here, and would overflow the stack of whatever walks the value. */
const MAX_DEPTH = 200;

/** More values than any list of names or tensors has; each costs far more memory than its text. */
const MAX_VALUES = 1 << 20;
/** An object with more fields than this takes seconds to make. */
const MAX_FIELDS = 1 << 18;

const [QUOTE, BACKSLASH, COLON, COMMA] = ['"', '\\', ':', ','].map((sign) => sign.charCodeAt(0));
const [OPEN_BRACE, CLOSE_BRACE] = ['{', '}'].map((sign) => sign.charCodeAt(0));
const [OPEN_BRACKET, CLOSE_BRACKET] = ['[', ']'].map((sign) => sign.charCodeAt(0));
const LAST_SPACE = 0x20;

/** The place of the quote that ends a string, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

/** The name that a quoted key stands for. */
function nameOf(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted; // The parser will say what is wrong with it.
  }
}

/**
 * Refuses what JSON.parse takes and nobody means: deep nesting, floods of values, and objects that name a field twice,
 * of which the last would win in silence.
 */
function requirePlain(text: string): void {
  // The names so far in each open object; undefined for lists, and for objects before their first.
  const open: (Set<string> | undefined)[] = [];
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === OPEN_BRACE || code === OPEN_BRACKET)
      if (++values > MAX_VALUES) throw new JsonError(`it has more than ${MAX_VALUES} values`);
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (open.push(undefined) > MAX_DEPTH)
        throw new JsonError(`it is nested deeper than ${MAX_DEPTH} levels`);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      open.pop();
    } else if (code === QUOTE) {
      const end = endOfString(text, at);
      let next = end + 1;
      while (text.charCodeAt(next) <= LAST_SPACE) next++;
      if (text.charCodeAt(next) === COLON && open.length > 0) {
        const name = nameOf(text.slice(at, end + 1));
        open[open.length - 1] ??= new Set();
        const names = open.at(-1)!;
        if (names.has(name)) throw new JsonError(`the field '${quotable(name)}' is there twice`);
        if (names.add(name).size > MAX_FIELDS)
          throw new JsonError(`an object in it has more than ${MAX_FIELDS} fields`);
      }
      at = end;
    }
  }
}

/**
 * Parses JSON text from a file; a byte order mark before it is dropped.
 * @throws JsonError when it is not JSON, is nested too deeply, holds absurdly much, or names a
 * field of an object twice.
 */
export function parseJson(text: string): unknown {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text;
  requirePlain(plain);
  try {
    return JSON.parse(plain);
  } catch (error) {
    throw new JsonError(`not valid JSON: ${quotable((error as Error).message)}`);
  }
}

/** Whether a parsed value is an object with fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

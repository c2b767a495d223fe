/**
 * Characters that a terminal, an editor or a parser acts on instead of showing them: control characters (ESC, BEL, line
 * ends, C1), line and paragraph separators, halves of surrogate pairs, and what turns the direction of text around.
 */
const UNPRINTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/gu;

/** A UTF-16 unit as JSON and JavaScript write it: `\u001b`. */
export function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * Text from outside on one line, safe to print: characters that are not shown come as `\u001b`. JSON keeps its value.
 * @param keep characters that may stay, such as the line ends of a text of several lines
 */
export function printable(text: string, keep = ''): string {
  return text.replace(UNPRINTABLE, (character) =>
    keep.includes(character) ? character : escapeUnit(character),
  );
}

/** Text cut in its middle where it is longer than so many UTF-16 units: the start says what, the end what to do. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = Math.floor(limit / 4);
  return `${text.slice(0, limit - end - 3)} … ${text.slice(text.length - end)}`;
}

import { printable, shorten } from '../printable.js';

/** Longest message: a few lines of a terminal. What files and servers say may be of any length. */
const MAX_MESSAGE = 2000;
/** Longest trace of a failure. */
const MAX_TRACE = 20_000;

/** A text of one or more lines on one. Cut first, so that the work is bounded. */
export function oneLine(text: string): string {
  const lines = shorten(text, MAX_MESSAGE).split('\n');
  const filled = lines.map((line) => line.trim()).filter((line) => line !== '');
  return printable(filled.join('; '));
}

/** Goes to the beginning of the line and clears it. */
const CLEARED = '\r\u001b[K';
let isStatusShown = false;

/** Says whether a bar stands on the terminal's last line; it gives way to messages, and is drawn anew below. */
export function setStatusLine(isShown: boolean): void {
  isStatusShown = isShown;
}

/**
 * Prints a message on stderr, on one line whatever it quotes from files, names and servers. All that the commands print
 * there comes through here.
 */
export function printMessage(message: string): void {
  writeStderr(`${isStatusShown ? CLEARED : ''}${oneLine(message)}\n`);
}

/** Prints a failure's trace on stderr. */
export function printTrace(trace: string): void {
  writeStderr(`${printable(shorten(trace, MAX_TRACE), '\n')}\n`);
}

/** Text for a terminal; JSON keeps its meaning. */
export function terminalText(text: string): string {
  return printable(text, '\n\t');
}

function writeStderr(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // Nobody listens any more, and there is nowhere else to say so.
  }
}

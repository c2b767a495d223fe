import { printable } from '../../printable.js';
import type { CommandShape } from '../commandUsage.js';
import { complete, type Completion } from './complete.js';

/** More than anybody reads through. */
const MAX_WORDS = 3000;
/** Of a description, the beginning tells enough. */
const MAX_DESCRIPTION = 60;

/** Characters at which bash begins a new word of its own, and which are none of ours. */
const BREAKS: readonly string[] = ['=', ':'];

/** The words as they were typed, but for quotes around them, where bash has broken them at `=` and `:`. */
export function joinWords(words: readonly string[]): readonly string[] {
  const joined: string[] = [];
  let isOpen = false;
  for (const raw of words) {
    const word = raw.replace(/^(["'])(.*?)\1?$/, '$2');
    const isBreak = BREAKS.includes(word);
    if ((isBreak || isOpen) && joined.length > 0) joined[joined.length - 1] += word;
    else joined.push(word);
    isOpen = isBreak;
  }
  return joined;
}

/** How much of a word bash keeps in front of what it is completed to. */
function keptByBash(word: string): number {
  return Math.max(...BREAKS.map((character) => word.lastIndexOf(character))) + 1;
}

function lineOf({ word, description = '' }: Completion, kept: number): string {
  const short =
    description.length > MAX_DESCRIPTION ? `${description.slice(0, MAX_DESCRIPTION - 1)}…` : description;
  return `${printable(word.slice(kept))}${short === '' ? '' : `\t${printable(short)}`}`;
}

/**
 * The answer to a shell: a line `words` and lines of words and descriptions with a tab between, or a line `files`.
 * @param words after the program's name, the last of which is being typed
 */
export function answerShell(
  shell: string,
  words: readonly string[],
  commands: readonly CommandShape[],
): string {
  const typed = shell === 'bash' ? joinWords(words) : words;
  const found = complete(typed, commands);
  if (found === undefined) return 'files\n';
  const kept = shell === 'bash' ? keptByBash(typed.at(-1) ?? '') : 0;
  return ['words', ...found.slice(0, MAX_WORDS).map((one) => lineOf(one, kept)), ''].join('\n');
}

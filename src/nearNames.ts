import { distance } from 'fastest-levenshtein';

/** A misspelling may differ by this share of the longer name's letters. */
const MAX_DISTANCE = 0.5;
/** What is less near than the nearest by more than this was not meant. */
const SAME_GUESS = 0.1;
/** Shorter parts of names say too little. */
const MIN_PART = 3;
/** How unlike names are that have the very word, and those that have the letters somewhere. */
const WORD_INSIDE = 0.1;
const LETTERS_INSIDE = 0.3;
/** A misspelt word of a name is a worse guess than a misspelt name. */
const WORD_PENALTY = 0.3;

const wordsOf = (name: string): readonly string[] => name.split(/[^\p{L}\p{N}]+/u);

const lettersOf = (name: string): string => [...name].sort().join('');

/** Letters that changed places count as so many that differ. */
const SWAPPED = 0.5;

/** The share of letters that differ. */
function misspelling(wanted: string, name: string): number {
  const isSwapped = wanted !== name && lettersOf(wanted) === lettersOf(name);
  return (isSwapped ? SWAPPED : distance(wanted, name)) / Math.max(wanted.length, name.length, 1);
}

/** How unlike a name is: 0 where it is the very one, 1 where nothing of it is alike. Both in lower case. */
function unlikeness(wanted: string, name: string): number {
  const whole = misspelling(wanted, name);
  if (Math.min(wanted.length, name.length) < MIN_PART) return whole;
  const words = wordsOf(name);
  const isPart = name.includes(wanted) || wanted.includes(name);
  const inside = words.includes(wanted) ? WORD_INSIDE : LETTERS_INSIDE;
  const part = isPart ? inside + whole / 100 : 1;
  const word = Math.min(...words.map((own) => misspelling(wanted, own))) + WORD_PENALTY;
  return Math.min(whole, part, word);
}

/** Something that may have been meant, and all that it is called. */
export interface Candidate {
  readonly name: string;
  readonly spellings?: readonly string[];
}

/**
 * What may have been meant by a name that nothing has: those spelt alike, and those that it is a part of.
 * @returns their names, the nearest first; none where nothing is near
 */
export function nearNames(wanted: string, candidates: readonly (Candidate | string)[]): readonly string[] {
  const lower = wanted.trim().toLowerCase();
  if (lower === '') return [];
  const near = candidates
    .map((candidate) => {
      const { name, spellings = [name] } = typeof candidate === 'string' ? { name: candidate } : candidate;
      return { name, share: Math.min(...spellings.map((own) => unlikeness(lower, own.toLowerCase()))) };
    })
    .filter(({ share }) => share <= MAX_DISTANCE)
    .sort((a, b) => a.share - b.share);
  const [nearest] = near;
  return near.filter(({ share }) => share <= nearest!.share + SAME_GUESS).map(({ name }) => name);
}

/** How many names a question lists. */
const NAMED = 6;

/** `did you mean 'a', 'b' or 'c'?`; undefined where nothing is near. */
export function didYouMean(near: readonly string[]): string | undefined {
  const names = near.slice(0, NAMED).map((name) => `'${name}'`);
  const last = names.pop();
  if (last === undefined) return undefined;
  return `did you mean ${names.length > 0 ? `${names.join(', ')} or ` : ''}${last}?`;
}

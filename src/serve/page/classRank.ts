import type { ClassObject } from '../wire.js';

/** A class as it is shown: its own name, and the groups that it lies in. */
export interface ShownClass {
  readonly index: number;
  /** What is sent to the server. */
  readonly key: string;
  readonly title: string;
  readonly group: string;
  /** What else it is called, each name on a line of its own. */
  readonly others: string;
}

const spaced = (text: string) => text.replaceAll(/[_-]+/g, ' ');

/** A class's name for people: the last part, with the groups apart. */
export function shownClass({ index, name, other_names: others = [] }: ClassObject): ShownClass {
  if (name === null) return { index, key: String(index), title: `Class ${index}`, group: '', others: '' };
  const parts = name.split('/');
  const title = spaced(parts.at(-1)!);
  return {
    index,
    key: name,
    title,
    group: parts.slice(0, -1).map(spaced).join(' › '),
    others: others.join('\n'),
  };
}

/** How well a class fits what is typed: the smaller, the better; undefined when it does not. */
function rank({ title, group, others, index }: ShownClass, words: readonly string[]): number | undefined {
  const name = title.toLowerCase();
  const all = `${name} ${group.toLowerCase()} ${index}\n${others}`;
  if (!words.every((word) => all.includes(word))) return undefined;
  const typed = words.join(' ');
  if (name === typed || String(index) === typed) return 0;
  if (name.startsWith(typed)) return 1;
  if (name.includes(` ${typed}`)) return 2;
  if (words.every((word) => name.includes(word))) return 3;
  return `\n${others}\n`.includes(`\n${typed}\n`) ? 2 : 4;
}

/**
 * Classes that hold all words that are typed, in their names or groups; those that begin with them first.
 * @param limit how many at most
 */
export function findShown(
  classes: readonly ShownClass[],
  typed: string,
  limit: number,
): readonly ShownClass[] {
  const words = spaced(typed.toLowerCase())
    .split(/[\s›/,]+/)
    .filter((word) => word !== '');
  return classes
    .flatMap((own) => {
      const fit = rank(own, words);
      return fit === undefined ? [] : [{ own, fit }];
    })
    .sort((a, b) => a.fit - b.fit || a.own.title.length - b.own.title.length || a.own.index - b.own.index)
    .slice(0, limit)
    .map(({ own }) => own);
}

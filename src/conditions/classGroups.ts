import { uniformFor } from '../random/draws.js';

/** What a class that a user names stands for. */
export interface ClassChoice {
  /** One index, or those of a group; empty when there is no such class. */
  readonly indices: readonly number[];
  /** What else the name could have meant. */
  readonly note?: string;
}

/** How many classes a note lists. */
const CLASSES_NAMED = 4;

/**
 * Classes that a part of their names between slashes stands for, by index: `food/fruit/apple` is found by `apple`, and
 * lies with others in the groups `food`, `fruit` and `food/fruit`.
 * @param part in any case; empty when it is in no name
 */
export function classesWith(part: string, labels: readonly string[]): readonly number[] {
  const wanted = `/${part.toLowerCase()}/`;
  return labels.flatMap((label, index) => (`/${label.toLowerCase()}/`.includes(wanted) ? [index] : []));
}

/** The groups that a class lies in, the outermost first. */
export function groupsOf(label: string): readonly string[] {
  const parts = label.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** What a class is called, in lower case: its whole name, and each of the synonyms that commas separate. */
export function synonyms(label: string): readonly string[] {
  const names = label
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return [label.toLowerCase(), ...names];
}

/** The classes of a name: those called exactly so, then those with such a synonym in any case. */
function classesNamed(name: string, labels: readonly string[]): readonly number[] {
  const exact = labels.flatMap((label, index) => (label === name ? [index] : []));
  const lower = name.toLowerCase();
  const others = labels.flatMap((label, index) =>
    label !== name && synonyms(label).includes(lower) ? [index] : [],
  );
  return [...exact, ...others];
}

function listed(classes: readonly number[], labels: readonly string[]): string {
  const names = classes.slice(0, CLASSES_NAMED).map((index) => `'${labels[index]}' (index ${index})`);
  return `${names.join(', ')}${classes.length > CLASSES_NAMED ? `, … (${classes.length} in all)` : ''}`;
}

/**
 * The class that a user means. A number is an index. A text is the name of a class or one of its synonyms in any case;
 * else an index; else a part of names between slashes: a group, or the last part alone. So the class folder `5` is
 * found by its name wherever it comes among the classes.
 * @param classes how many the model has
 * @param labels their names; empty where they have none
 */
export function chooseClasses(
  wanted: number | string,
  classes: number,
  labels: readonly string[],
): ClassChoice {
  // Callers of JavaScript may pass what is neither.
  if (typeof wanted !== 'string')
    return { indices: Number.isInteger(wanted) && wanted >= 0 && wanted < classes ? [wanted] : [] };
  const name = wanted.trim();
  const index = /^\d+$/.test(name) && Number(name) < classes ? Number(name) : undefined;
  const [named, ...namesakes] = classesNamed(name, labels);
  const members = name === '' ? [] : classesWith(name, labels);
  if (named !== undefined) {
    const passedOver = new Set([...namesakes, ...(index === undefined ? [] : [index]), ...members]);
    passedOver.delete(named);
    return {
      indices: [named],
      ...(passedOver.size > 0 && {
        note: `class ${name} is the class ${listed([named], labels)}, not ${listed([...passedOver], labels)}`,
      }),
    };
  }
  if (index === undefined) return { indices: members };
  const label = labels[index];
  const isMisleading = members.length > 0 || (label !== undefined && /^\d+$/.test(label));
  return {
    indices: [index],
    ...(isMisleading && {
      note: `no class is named ${name}: it is taken as the index of the class '${label}'`,
    }),
  };
}

/**
 * One of the classes that a picture may have, each as likely as the others.
 * @param picture number of the picture under the seed
 */
export function pickClass(classes: readonly number[], seed: number, picture: number): number {
  return classes[Math.floor(uniformFor(seed, picture, 0, 'class') * classes.length)]!;
}

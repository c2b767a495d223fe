import { uniformFor } from '../random/draws.js';
import { type Aliases, NO_ALIASES, spelled } from './aliases.js';

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

/** The last part of a class's name, where it has several. */
function ownPart(label: string): string | undefined {
  const end = label.lastIndexOf('/');
  return end === -1 ? undefined : label.slice(end + 1);
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

/** The classes that a part of their names stands for: the only one that ends with it, else all of a group. */
function choosePart(name: string, labels: readonly string[]): ClassChoice {
  const members = name === '' ? [] : classesWith(name, labels);
  const ending = members.filter((index) => ownPart(labels[index]!)?.toLowerCase() === name.toLowerCase());
  const [only] = ending;
  if (only === undefined || ending.length > 1 || members.length === 1) return { indices: members };
  return {
    indices: [only],
    note: `class ${name} is the class ${listed([only], labels)}, not a group of that name, with ${members.length} classes`,
  };
}

/** The classes of a name that is spelt in another way, or is one of their other names. */
function chooseAlias(name: string, labels: readonly string[], aliases: Aliases): readonly number[] {
  const wanted = spelled(name);
  if (wanted === '') return [];
  const alike = labels.flatMap((label, index) =>
    [...synonyms(label), ownPart(label) ?? ''].some((own) => spelled(own) === wanted) ? [index] : [],
  );
  if (alike.length > 0) return alike;
  const others = aliases.get(wanted);
  if (others) return others;
  return labels.flatMap((label, index) => (`/${spelled(label)}/`.includes(`/${wanted}/`) ? [index] : []));
}

/**
 * The class that a user means. A number is an index. A text is the name of a class or one of its synonyms in any case;
 * else an index; else a part of names between slashes: the last part of one class, or a group; else one of these with
 * other hyphens, underscores and spaces, or another name that the model knows. So the class folder `5` is found by its
 * name wherever it comes among the classes.
 * @param classes how many the model has
 * @param labels their names; empty where they have none
 * @param aliases what else they are called
 */
export function chooseClasses(
  wanted: number | string,
  classes: number,
  labels: readonly string[],
  aliases = NO_ALIASES,
): ClassChoice {
  // Callers of JavaScript may pass what is neither.
  if (typeof wanted !== 'string')
    return { indices: Number.isInteger(wanted) && wanted >= 0 && wanted < classes ? [wanted] : [] };
  const name = wanted.trim();
  const index = /^\d+$/.test(name) && Number(name) < classes ? Number(name) : undefined;
  const [named, ...namesakes] = classesNamed(name, labels);
  const part = choosePart(name, labels);
  const members = part.indices;
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
  if (index === undefined) return members.length > 0 ? part : { indices: chooseAlias(name, labels, aliases) };
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

import { distance } from 'fastest-levenshtein';
import { chooseClasses, groupsOf, synonyms } from './classGroups.js';
import { InputError, UsageError } from '../errors.js';

/**
 * Names of the classes by index; empty where a model has none. A name may list synonyms separated by commas; slashes
 * divide classes into groups.
 */
export type Labels = readonly string[];

/** A misspelling may differ by this share of the longer name's letters. */
const MAX_DISTANCE = 0.5;
const SUGGESTIONS = 3;

/**
 * Class names from a JSON array, or from an object whose keys are the indices.
 * @throws InputError naming the source when it is neither or has another number of classes.
 */
export function parseLabels(value: unknown, classes: number, source: string): Labels {
  const list =
    !Array.isArray(value) && typeof value === 'object' && value !== null
      ? Array.from(
          { length: Object.keys(value).length },
          (_, index) => (value as Record<string, unknown>)[String(index)],
        )
      : value;
  if (!Array.isArray(list) || !list.every((label) => typeof label === 'string'))
    throw new InputError(
      `${source}: labels must be a JSON array of names, or an object from class index to name`,
    );
  if (list.length !== classes)
    throw new InputError(`${source}: ${list.length} labels for ${classes} classes`);
  return list;
}

/** Names of classes and groups that resemble one. */
function closestNames(wanted: string, labels: Labels): readonly string[] {
  return [...new Set(labels.flatMap((label) => [...groupsOf(label), label]))]
    .map((label) => {
      const shares = [...synonyms(label), label.toLowerCase().split('/').at(-1)!].map(
        (name) => distance(wanted, name) / Math.max(wanted.length, name.length),
      );
      return { label, share: Math.min(...shares) };
    })
    .filter(({ share }) => share <= MAX_DISTANCE)
    .sort((a, b) => a.share - b.share)
    .slice(0, SUGGESTIONS)
    .map(({ label }) => label);
}

/**
 * The classes that a user means, as `chooseClasses` finds them.
 * @returns one index, or those of the group
 * @throws UsageError with the nearest names when there is no such class.
 */
export function findClasses(wanted: number | string, classes: number, labels: Labels): readonly number[] {
  const { indices } = chooseClasses(wanted, classes, labels);
  if (indices.length > 0) return indices;
  if (typeof wanted !== 'string' || /^\d+$/.test(wanted.trim()))
    throw new UsageError(`class ${wanted} does not exist; the model has classes 0 to ${classes - 1}`);
  if (labels.length === 0)
    throw new UsageError(
      `class '${wanted}' is unknown: the model has no class names, only indices 0 to ${classes - 1}`,
    );
  const close = closestNames(wanted.trim().toLowerCase(), labels).map((label) => `'${label}'`);
  const hint =
    close.length > 0
      ? `did you mean ${close.join(' or ')}?`
      : `use a name from its labels.json or an index up to ${classes - 1}`;
  throw new UsageError(`class '${wanted}' is unknown; ${hint}`);
}

import { InputError, UsageError } from '../errors.js';
import { didYouMean, nearNames } from '../nearNames.js';
import { type Aliases, NO_ALIASES } from './aliases.js';
import { chooseClasses, groupsOf, synonyms } from './classGroups.js';

/**
 * Names of the classes by index; empty where a model has none. A name may list synonyms separated by commas; slashes
 * divide classes into groups.
 */
export type Labels = readonly string[];

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

/**
 * Names of classes and groups that resemble one, or that it is a part of.
 * @returns the nearest first
 */
export function nearClasses(
  wanted: string,
  labels: Labels,
  aliases: Aliases = NO_ALIASES,
): readonly string[] {
  const names = new Set(labels.flatMap((label) => [...groupsOf(label), label]));
  const candidates = [...names].map((label) => ({
    name: label,
    spellings: [...synonyms(label), label.split('/').at(-1)!],
  }));
  return nearNames(wanted, [...candidates, ...aliases.keys()]);
}

/**
 * The classes that a user means, as `chooseClasses` finds them.
 * @param model its name or folder, for messages
 * @param aliases what else the classes are called
 * @returns one index, or those of the group
 * @throws UsageError with the nearest names when there is no such class.
 */
export function findClasses(
  wanted: number | string,
  classes: number,
  labels: Labels,
  model = 'MODEL',
  aliases = NO_ALIASES,
): readonly number[] {
  const { indices } = chooseClasses(wanted, classes, labels, aliases);
  if (indices.length > 0) return indices;
  if (typeof wanted !== 'string' || /^\d+$/.test(wanted.trim()))
    throw new UsageError(`class ${wanted} does not exist; the model has classes 0 to ${classes - 1}`);
  if (labels.length === 0)
    throw new UsageError(
      `class '${wanted}' is unknown: the model has no class names, only indices 0 to ${classes - 1}`,
    );
  const near = nearClasses(wanted, labels, aliases);
  const hint = didYouMean(near) ?? `use a name from its labels.json or an index up to ${classes - 1};`;
  throw new UsageError(`class '${wanted}' is unknown; ${hint} 'arpg models ${model} --classes' lists all`);
}

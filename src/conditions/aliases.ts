import { InputError } from '../errors.js';
import type { Labels } from './labels.js';

/** Other names of classes, as `spelled` gives them, and the indices of those that each stands for. */
export type Aliases = ReadonlyMap<string, readonly number[]>;

export const NO_ALIASES: Aliases = new Map();

/** A name as it is compared: case does not count, and hyphens, underscores and spaces are alike. */
export function spelled(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim();
}

/**
 * Other names of classes from a JSON object that has a list of them for each class's name. A name that several classes
 * share stands for all of them.
 * @throws InputError naming the source when it is none, or names a class that is none of the labels.
 */
export function parseAliases(value: unknown, labels: Labels, source: string): Aliases {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InputError(`${source}: other names of classes must be a JSON object of lists, by class name`);
  const indexOf = new Map(labels.map((label, index) => [label, index]));
  const found = new Map<string, number[]>();
  for (const [label, names] of Object.entries(value)) {
    const index = indexOf.get(label);
    if (index === undefined) throw new InputError(`${source}: '${label}' is no class of the model`);
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
      throw new InputError(`${source}: the other names of '${label}' must be a list of texts`);
    for (const name of new Set(names.map(spelled))) {
      const indices = found.get(name);
      if (indices) indices.push(index);
      else found.set(name, [index]);
    }
  }
  return new Map([...found].map(([name, indices]) => [name, indices.sort((a, b) => a - b)]));
}

/** The object that `parseAliases` reads. */
export function aliasesByClass(
  aliases: Aliases,
  labels: Labels,
): Readonly<Record<string, readonly string[]>> {
  const names = labels.map((): string[] => []);
  for (const [name, indices] of aliases) for (const index of indices) names[index]!.push(name);
  const entries = labels.map((label, index) => [label, names[index]!] as const);
  return Object.fromEntries(entries.filter(([, own]) => own.length > 0));
}

import { existsSync } from 'node:fs';
import { aliasesByClass, NO_ALIASES, spelled } from '../conditions/aliases.js';
import { groupsOf, synonyms } from '../conditions/classGroups.js';
import { nearClasses } from '../conditions/labels.js';
import { InputError, UsageError } from '../errors.js';
import {
  findModelPlaces,
  modelFolder,
  shownName,
  type ModelOrigin,
  type ModelPlace,
} from '../modelPlaces.js';
import { readClassNames } from '../models/modelFolder.js';
import { type ModelSummary, summarizeModel } from '../models/modelSummary.js';
import { didYouMean, nearNames } from '../nearNames.js';

/** A model, and what it is. */
export interface DescribedModel extends ModelSummary {
  /** As `--model` takes it. */
  readonly name: string;
  readonly folder: string;
  readonly origin: ModelOrigin;
}

/** A model that was found, or what is wrong with it. */
export type ListedModel = DescribedModel | (ModelPlace & { readonly fault: string });

/**
 * All models at hand: those that come with arpg, those in the cache, those in the folders of `ARPG_MODELS`, and those in
 * the working folder and up to two folders deeper.
 */
export function findModels(): readonly ListedModel[] {
  return findModelPlaces().map((place) => {
    try {
      return { ...place, ...summarizeModel(place.folder) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { ...place, fault: error.message };
    }
  });
}

/**
 * Refuses names and folders of models that are not there.
 * @throws InputError with the names that may have been meant.
 */
export function requireModelThere(folder: string): void {
  if (existsSync(folder)) return;
  const near = didYouMean(
    nearNames(
      folder,
      findModelPlaces().map(({ name }) => name),
    ),
  );
  throw new InputError(
    `${folder}: no such model folder; ${near ?? "make one with 'arpg import' or fetch one with 'arpg pull';"} 'arpg models' lists those at hand`,
  );
}

/** A class of a model. */
export interface ListedClass {
  readonly index: number;
  /** Its whole name; undefined where the model has indices alone. */
  readonly name?: string;
}

/**
 * The classes of a model, or those whose names, synonyms, other names or groups hold all words of a filter.
 * @param nameOrFolder as `--model` takes it
 * @returns the model's summary, and classes by index
 * @throws UsageError with near names where no class fits, InputError where the folder is none of a generator.
 */
export function modelClasses(
  nameOrFolder: string,
  filter = '',
): { readonly model: DescribedModel; readonly classes: readonly ListedClass[] } {
  const places = findModelPlaces();
  const given = modelFolder(nameOrFolder);
  // What the list names can be looked at, also a hub's model in the cache.
  const listed = places.find((place) => place.name === nameOrFolder)?.folder;
  const folder = existsSync(given) ? given : (listed ?? given);
  requireModelThere(folder);
  const summary = summarizeModel(folder);
  const place = places.find((own) => own.folder === folder);
  const name = place?.name ?? shownName(folder);
  if (summary.classes === undefined)
    throw new InputError(`${name}: a tokenizer alone has no classes; name the folder of a generator`);
  const { labels, aliases = NO_ALIASES } = readClassNames(folder, summary.classes);
  const others = aliasesByClass(aliases, labels);
  const words = spelled(filter).split(' ').filter(Boolean);
  const all = Array.from({ length: summary.classes }, (_, index): ListedClass => {
    const label = labels[index];
    return { index, ...(label !== undefined && { name: label }) };
  });
  const classes = all.filter(({ index, name = '' }) => {
    const text = spelled(
      [String(index), ...synonyms(name), ...groupsOf(name), ...(others[name] ?? [])].join('\n'),
    );
    return words.every((word) => text.includes(word));
  });
  if (classes.length === 0)
    throw new UsageError(
      `${name}: no class matches '${filter}'; ${didYouMean(nearClasses(filter, labels, aliases)) ?? 'leave it out to list all'}`,
    );
  return { model: { name, folder, origin: place?.origin ?? 'folder', ...summary }, classes };
}

import { existsSync } from 'node:fs';
import { quotable } from '../errors.js';
import {
  modelDigest,
  modelFolder,
  PICTURE_ENCODINGS,
  readSampleRecord,
  type SampleRecord,
  type SamplingSettings,
  settingsOfFields,
  shippedModel,
  UsageError,
} from '../index.js';
import { fetchedFolder, knownFolder } from './hubModels.js';
import type { OutputChoice, OutputFormat } from './outputFormat.js';
import { inputName, readInput } from './streams.js';

/** A picture to draw again, and the folder of the model to draw it with. */
export interface LikePicture {
  readonly record: SampleRecord;
  readonly source: string;
  readonly folder: string;
  /** Whether it is the model that drew the picture. */
  readonly isSameModel: boolean;
}

/** The folders that a name in a picture may stand for: models that come with arpg, or were fetched. Never a path. */
function foldersNamed(name: string): readonly string[] {
  return [shippedModel(name), knownFolder(name)].filter(
    (folder): folder is string => folder !== undefined && existsSync(folder),
  );
}

/**
 * Reads how a picture was drawn, and finds the model: the one given, else one at hand that draws the same, else one of
 * its name.
 * @param model what `--model` says
 * @param isGiven whether it stands on the command line
 * @throws InputError when the picture does not say it, UsageError when its model is not at hand.
 */
export async function readLike(
  path: string,
  { model, isGiven, quiet }: { readonly model: string; readonly isGiven: boolean; readonly quiet: boolean },
): Promise<LikePicture> {
  const source = inputName(path);
  const record = await readSampleRecord(await readInput(path), source);
  const isSame = async (folder: string) => (await modelDigest(folder)) === record.model.sha256;
  if (isGiven) {
    const folder = await fetchedFolder(model, quiet);
    return { record, source, folder, isSameModel: await isSame(folder) };
  }
  const named = foldersNamed(record.model.name);
  for (const folder of [...named, knownFolder(model) ?? modelFolder(model)])
    if (existsSync(folder) && (await isSame(folder))) return { record, source, folder, isSameModel: true };
  const [folder] = named;
  if (folder !== undefined) return { record, source, folder, isSameModel: false };
  throw new UsageError(
    `${source}: it was drawn with the model '${quotable(record.model.name)}', which is not at hand: name its folder with --model`,
  );
}

/** Why a picture may not come out the same, in lines for people. */
export function differences(
  { record, source, isSameModel }: LikePicture,
  { version, target }: { readonly version: string; readonly target: string },
): readonly string[] {
  return [
    ...(isSameModel
      ? []
      : [`${source}: it was drawn with other weights than this model's: the picture will differ`]),
    ...(record.version === version
      ? []
      : [`${source}: it was drawn by arpg ${quotable(record.version)}, this is ${version}: it may differ`]),
    ...(record.target === target
      ? []
      : [`${source}: it was drawn on ${quotable(record.target)}, this is ${target}: it may differ`]),
  ];
}

/** The values of flags that a picture's record gives. */
export function flagsOfRecord({ seed, size, rope, precision }: SampleRecord) {
  return {
    seed,
    precision,
    ...(size && { size: `${size.width}x${size.height}` }),
    ...(rope && { rope }),
  };
}

/** The settings of a record, but those that flags give instead. */
export function settingsLike(
  { settings }: SampleRecord,
  given: SamplingSettings,
  positions: number,
): SamplingSettings {
  const like = settingsOfFields(settings, positions);
  return { ...like, ...given, own: { ...like.own, ...given.own } };
}

/**
 * How a picture is written as its like was, as far as flags do not say otherwise.
 * @param given names of the flags that do
 */
export function choiceLike<Format extends OutputFormat>(
  choice: OutputChoice<Format>,
  { columns, scale, quality }: SampleRecord,
  given: ReadonlySet<string>,
  isFolder: boolean,
): OutputChoice<Format | 'grid'> {
  if (!(PICTURE_ENCODINGS as readonly OutputFormat[]).includes(choice.format)) return choice;
  const asGrid = columns !== undefined && !given.has('format') && !isFolder;
  return {
    ...choice,
    ...(asGrid && { format: 'grid' }),
    ...(scale && !given.has('scale') && { scale }),
    ...(quality !== undefined && !given.has('quality') && { quality }),
  };
}

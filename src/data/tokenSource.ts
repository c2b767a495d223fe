import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, systemReason } from '../errors.js';
import { readBounded } from './boundedFile.js';
import { countClasses, emptyClassesNote, numberedLabels } from './classLabels.js';
import { firstPart } from './datasetPart.js';
import { isDataName } from './imageFolder.js';
import { parseNpy } from './npy.js';
import { decodeText } from '../files/text.js';
import {
  areAlike,
  type CodesForm,
  type CodesShape,
  describeCodes,
  describeForm,
  numbersFault,
  type TokenGrid,
  type Tokens,
} from '../codes.js';
import { numbersOf, type TokenData, type TokenImage, tokenRoom } from './tokenData.js';
import { readTokenLines } from './tokenLineImages.js';
import { MAX_PICTURE_TOKENS } from './tokenLines.js';

/** Images as tokens, all of one number of positions. */
export interface TokenSet {
  /** `[images]` */
  readonly classIds: Int32Array;
  readonly form: CodesForm;
  /**
   * `[images, variants, positions]`, vectors with an axis of channels more, in the order that `Codes` has; variants are
   * crops and mirrored copies of an image.
   */
  readonly tokens: Tokens;
  /** Of the numbers of vectors, where the tokenizer gives some. */
  readonly deviations?: Float32Array;
  readonly variants: number;
  /** Tokens or vectors of a variant. */
  readonly positions: number;
  /** Rows and columns of each image, where the data name them; else the positions are a square's. */
  readonly grid?: TokenGrid;
  /** `[images]` numbers that images of one picture share; each is of a picture of its own when left out. */
  readonly pictures?: Int32Array;
}

/** A data set of tokens as it was read. */
export interface OpenedTokens extends TokenSet {
  /** Names of the classes by index; empty where the data name none. */
  readonly labels: readonly string[];
  /** How many classes there are. */
  readonly classes: number;
  /** What was chosen or is missing, a line each. */
  readonly notes: readonly string[];
}

/** JSON lines are read as one text, which can be no longer. */
const MAX_TEXT_BYTES = 500 * 2 ** 20;
const NPY = /\.npy$/;
const INDICES = { kind: 'indices' } as const;

const readArray = (path: string) => parseNpy(readBounded(path), path);

/** The names in a folder that are no hidden ones. @throws InputError naming the folder. */
function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).filter(isDataName);
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

const arraysIn = (path: string) => numbered(listFolder(path).filter((name) => NPY.test(name)));

/** Whether a path leads to a folder; a link may lead nowhere, or in a circle. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Codes `[variants, positions]`, with or without leading axes of size 1. */
function readCodes(path: string, classId: number): TokenImage {
  const { shape, data } = readArray(path);
  const positions = shape.at(-1) ?? 0;
  if (positions === 0 || data.length === 0) throw new InputError(`${path}: it holds no tokens`);
  return { source: path, classId, variants: data.length / positions, positions, tokens: data };
}

function numbered(names: readonly string[]): readonly string[] {
  return [...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** The ways in which a data set of tokens may lie, for the help. */
export const TOKEN_LAYOUTS = "folder in RandAR's or LlamaGen's layout, .jsonl file";

/** LlamaGen's layout: `…codes/{i}.npy` `[1, variants, positions]` with `…labels/{i}.npy` `[1]`. */
function readLlamaGen(path: string, codesName: string): readonly TokenImage[] {
  return arraysIn(join(path, codesName)).map((name) => {
    const labelPath = join(path, labelsBeside(codesName), name);
    const { data } = readArray(labelPath);
    if (data.length !== 1)
      throw new InputError(`${labelPath}: it holds ${data.length} classes instead of one`);
    return readCodes(join(path, codesName, name), data[0]!);
  });
}

const labelsBeside = (codesName: string) => codesName.replace(/codes$/, 'labels');

/** RandAR's layout: a folder per class, named by its number, with files `[variants, positions]`. */
function readClassFolders(path: string, folders: readonly string[]): readonly TokenImage[] {
  return numbered(folders).flatMap((folder) =>
    arraysIn(join(path, folder)).map((name) => readCodes(join(path, folder, name), Number(folder))),
  );
}

/** LlamaGen's layout, if the folder has it: the codes of the part to train on. */
function readLlamaGenFolder(path: string, names: readonly string[]): TokenData | undefined {
  const pairs = names.filter(
    (name) =>
      /codes$/.test(name) &&
      names.includes(labelsBeside(name)) &&
      isFolder(join(path, name)) &&
      isFolder(join(path, labelsBeside(name))) &&
      arraysIn(join(path, name)).length > 0,
  );
  const [chosen, ...others] = firstPart(pairs, (name) => name);
  if (others.length > 0)
    throw new InputError(
      `${path}: which are the tokens, ${[chosen, ...others].join(' or ')}? Keep one of them`,
    );
  if (chosen === undefined) return undefined;
  const unused = pairs.filter((name) => name !== chosen);
  return {
    form: INDICES,
    images: readLlamaGen(path, chosen),
    ...(unused.length > 0 && { notes: [`${path}: uses ${chosen}; not used: ${unused.join(', ')}`] }),
  };
}

function listImages(path: string): TokenData | undefined {
  if (/\.(jsonl|ndjson)$/i.test(path))
    return readTokenLines(decodeText(readBounded(path, MAX_TEXT_BYTES)), path);
  if (!isFolder(path)) return undefined;
  const names = listFolder(path);
  const llamaGen = readLlamaGenFolder(path, names);
  if (llamaGen) return llamaGen;
  const folders = names.filter((name) => /^\d+$/.test(name) && isFolder(join(path, name)));
  const hasCodes = folders.some((name) => arraysIn(join(path, name)).length > 0);
  return hasCodes ? { form: INDICES, images: readClassFolders(path, folders) } : undefined;
}

/** The classes' names; those that no image tells are called by their number. Empty where no image tells any. */
function labelsFrom(names: TokenData['names'], classes: number): readonly string[] {
  if (!names || names.size === 0) return [];
  return Array.from({ length: classes }, (_, classId) => names.get(classId) ?? String(classId));
}

/**
 * Reads a data set of tokens: a folder in RandAR's or LlamaGen's layout, or JSON lines (docs/SYSTEMS.md, Token data). Undefined when the
 * path is something else, such as a folder of images.
 * @param shape what the codes must be
 * @throws InputError naming the file whose tokens do not fit the others or the codebook, or that is damaged.
 */
export function openTokenSet(path: string, shape: CodesShape): OpenedTokens | undefined {
  const data = listImages(path);
  if (!data) return undefined;
  const { images, form } = data;
  const [first] = images;
  if (!first) throw new InputError(`${path}: it holds no tokens`);
  requireForm(form, shape, path);
  const { variants, positions } = first;
  if (positions > MAX_PICTURE_TOKENS)
    throw new InputError(
      `${first.source}: ${positions} tokens are more than the ${MAX_PICTURE_TOKENS} that a picture may have`,
    );
  const length = numbersOf(form, variants * positions);
  const tokens = tokenRoom(form, images.length * length);
  const deviations = first.deviations && new Float32Array(tokens.length);
  for (const [index, image] of images.entries()) {
    if (image.variants !== variants || image.positions !== positions)
      throw new InputError(
        `${image.source}: ${image.variants}×${image.positions} tokens where ${first.source} has ${variants}×${positions}`,
      );
    requireCodes(image.tokens, shape, image.source);
    tokens.set(image.tokens, index * length);
    deviations?.set(image.deviations!, index * length);
  }
  const given = images.map(({ classId }) => classId);
  // Before they are brought to 32 bits.
  const classes = countClasses(given, (index) => images[index]!.source);
  const classIds = Int32Array.from(given);
  const labels = labelsFrom(data.names, classes);
  const empty = emptyClassesNote(classIds, labels.length > 0 ? labels : numberedLabels(classes));
  const pictures = picturesOf(images);
  const notes = [
    ...(data.notes ?? []),
    ...(empty === undefined ? [] : [`${path}: ${empty}`]),
    ...(pictures
      ? [
          `${path}: its ${images.length} images are of ${new Set(pictures).size} pictures, which are held out whole`,
        ]
      : []),
  ];
  return {
    ...{ classIds, form, tokens, variants, positions, labels, classes, notes },
    ...(deviations && { deviations }),
    ...(data.grid && { grid: data.grid }),
    ...(pictures && { pictures }),
  };
}

/** The number of each image's picture; undefined where no two images are of one. */
function picturesOf(images: readonly TokenImage[]): Int32Array | undefined {
  const numbers = new Map<string, number>();
  const pictures = Int32Array.from(images, ({ picture }, index) => {
    if (picture === undefined) return index;
    const known = numbers.get(picture) ?? index;
    numbers.set(picture, known);
    return known;
  });
  return pictures.some((picture, index) => picture !== index) ? pictures : undefined;
}

/**
 * Refuses codes of another form than a tokenizer's.
 * @throws InputError naming the source.
 */
export function requireForm(form: CodesForm, shape: CodesShape, source: string): void {
  if (!areAlike(form, shape))
    throw new InputError(
      `${source}: ${describeForm(form)} where the tokenizer has ${describeCodes(shape)}; use the tokenizer that made it`,
    );
}

/**
 * Refuses numbers that a tokenizer cannot have made.
 * @throws InputError naming the source.
 */
export function requireCodes(tokens: ArrayLike<number>, shape: CodesShape, source: string): void {
  const fault = numbersFault(shape, tokens);
  if (fault !== undefined) throw new InputError(`${source}: ${fault}; use the tokenizer that made it`);
}

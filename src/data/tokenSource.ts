import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, systemReason } from '../errors.js';
import { parseNpy } from './npy.js';
import { parseTokenLines } from './tokenLines.js';

/** Images as tokens, all of one number of positions. */
export interface TokenSet {
  /** `[images]` */
  readonly classIds: Int32Array;
  /** `[images, variants, positions]` in raster order; variants are crops and mirrored copies of an image. */
  readonly tokens: Int32Array;
  readonly variants: number;
  readonly positions: number;
}

/** One image's variants, `[variants, positions]`. */
interface TokenImage {
  readonly source: string;
  readonly classId: number;
  readonly variants: number;
  readonly positions: number;
  readonly tokens: ArrayLike<number>;
}

function readArray(path: string) {
  try {
    return parseNpy(readFileSync(path), path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
}

/** Codes `[variants, positions]`, with or without leading axes of size 1. */
function readCodes(path: string, classId: number): TokenImage {
  const { shape, data } = readArray(path);
  const positions = shape.at(-1) ?? 0;
  if (positions === 0 || data.length === 0) throw new InputError(`${path}: it holds no tokens`);
  return { source: path, classId, variants: data.length / positions, positions, tokens: data };
}

const NPY = /\.npy$/;

function numbered(names: readonly string[]): readonly string[] {
  return [...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** LlamaGen's layout: `…codes/{i}.npy` `[1, variants, positions]` with `…labels/{i}.npy` `[1]`. */
function readLlamaGen(path: string, codesName: string, labelsName: string): readonly TokenImage[] {
  return numbered(readdirSync(join(path, codesName)).filter((name) => NPY.test(name))).map((name) => {
    const labelPath = join(path, labelsName, name);
    const label = readArray(labelPath).data[0];
    if (label === undefined) throw new InputError(`${labelPath}: it holds no class`);
    return readCodes(join(path, codesName, name), label);
  });
}

/** RandAR's layout: a folder per class, named by its number, with files `[variants, positions]`. */
function readClassFolders(path: string, folders: readonly string[]): readonly TokenImage[] {
  return numbered(folders).flatMap((folder) =>
    numbered(readdirSync(join(path, folder)).filter((name) => NPY.test(name))).map((name) =>
      readCodes(join(path, folder, name), Number(folder)),
    ),
  );
}

function readLines(path: string): readonly TokenImage[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
  return parseTokenLines(text, path).map(({ tokens, class_id: classId = 0 }, line) => {
    return { source: `${path}: line ${line + 1}`, classId, variants: 1, positions: tokens.length, tokens };
  });
}

function listImages(path: string): readonly TokenImage[] | undefined {
  if (/\.(jsonl|ndjson)$/.test(path)) return readLines(path);
  let names: readonly string[];
  try {
    names = readdirSync(path);
  } catch {
    return undefined;
  }
  const codes = names.find((name) => /codes$/.test(name));
  const labels = names.find((name) => /labels$/.test(name));
  if (codes !== undefined && labels !== undefined) return readLlamaGen(path, codes, labels);
  const folders = names.filter((name) => /^\d+$/.test(name) && statSync(join(path, name)).isDirectory());
  const hasCodes = folders.some((name) => readdirSync(join(path, name)).some((file) => NPY.test(file)));
  return hasCodes ? readClassFolders(path, folders) : undefined;
}

/**
 * Reads a data set of tokens: a folder in RandAR's or LlamaGen's layout, or JSON lines (PAPER §2). Undefined when the
 * path is something else, such as a folder of images.
 * @throws InputError naming the file whose tokens do not fit the others, or that is damaged.
 */
export function openTokenSet(path: string): TokenSet | undefined {
  const images = listImages(path);
  if (!images) return undefined;
  const [first] = images;
  if (!first) throw new InputError(`${path}: it holds no tokens`);
  const { variants, positions } = first;
  const tokens = new Int32Array(images.length * variants * positions);
  for (const [index, image] of images.entries()) {
    if (image.variants !== variants || image.positions !== positions)
      throw new InputError(
        `${image.source}: ${image.variants}×${image.positions} tokens where ${first.source} has ${variants}×${positions}`,
      );
    if (image.classId < 0) throw new InputError(`${image.source}: the class ${image.classId} is negative`);
    tokens.set(image.tokens, index * variants * positions);
  }
  return { classIds: Int32Array.from(images, ({ classId }) => classId), tokens, variants, positions };
}

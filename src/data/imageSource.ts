import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InputError, systemReason } from '../errors.js';
import { decodeImage, type RgbImage } from './image.js';
import { readNpz } from './npz.js';

/** Labelled images to train on. */
export interface ImageSource {
  readonly count: number;
  /** Names of the classes by index. */
  readonly labels: readonly string[];
  classOf(index: number): number;
  /** One image as it is. */
  image(index: number): Promise<RgbImage>;
  /** Files that could not be read so far, each with the reason; another image stood in for them. */
  readonly failures: ReadonlyMap<string, string>;
}

export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp']);

const IDX_IMAGES = /images.*idx3-ubyte(\.gz)?$/;
const IDX_IMAGES_MAGIC = 0x803;
const IDX_LABELS_MAGIC = 0x801;
/** Decompressed IDX files stay below this. */
const MAX_IDX_BYTES = 2 ** 31 - 1;

/**
 * Opens a folder of class folders with PNG, JPEG or WebP files (a class folder within another is the class `outer/inner`),
 * one with IDX files (the MNIST format), or a `.npz`
 * archive.
 * @throws InputError naming the folder or file at fault.
 */
export async function openImageSource(path: string): Promise<ImageSource> {
  if (path.endsWith('.npz')) return openNpz(path);
  let names: readonly string[];
  try {
    names = readdirSync(path).sort();
  } catch (error) {
    throw new InputError(`${path}: cannot be read as a data set: ${systemReason(error)}`, error);
  }
  const idx =
    names.find((name) => IDX_IMAGES.test(name) && !/^t10k/.test(name)) ??
    names.find((name) => IDX_IMAGES.test(name));
  return idx === undefined ? openClassFolders(path, names) : openIdx(path, idx, names);
}

const isImageName = (name: string) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase());

/** The label of a class folder, unless it holds nothing but other class folders, and those of the ones within it. */
function classLabels(path: string, label: string): readonly string[] {
  const entries = readdirSync(join(path, label), { withFileTypes: true });
  const within = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => classLabels(path, `${label}/${name}`));
  const isClass = within.length === 0 || entries.some(({ name }) => isImageName(name));
  return [...(isClass ? [label] : []), ...within.sort()];
}

function openClassFolders(path: string, names: readonly string[]): ImageSource {
  const labels = names
    .filter((name) => statSync(join(path, name)).isDirectory())
    .flatMap((name) => classLabels(path, name));
  const files = labels.flatMap((label, classId) =>
    readdirSync(join(path, label))
      .filter(isImageName)
      .sort()
      .map((name) => ({ file: join(path, label, name), classId })),
  );
  if (files.length === 0)
    throw new InputError(
      `${path}: no images: expected class folders with PNG, JPEG or WebP files, or IDX files`,
    );
  const failures = new Map<string, string>();
  const load = async (index: number, tried = 0): Promise<RgbImage> => {
    const { file } = files[index]!;
    try {
      return await decodeImage(await readFile(file), file);
    } catch (error) {
      failures.set(file, (error as Error).message);
      if (tried + 1 >= files.length) throw new InputError(`${path}: none of its images can be read`, error);
      return load((index + 1) % files.length, tried + 1);
    }
  };
  return {
    count: files.length,
    labels,
    classOf: (index) => files[index]!.classId,
    image: (index) => load(index),
    failures,
  };
}

/** An IDX file's sizes and bytes. */
function readIdx(
  file: string,
  magic: number,
  axes: number,
): { readonly sizes: readonly number[]; readonly data: Uint8Array } {
  const fail = (reason: string): never => {
    throw new InputError(`${file}: not a usable IDX file: ${reason}`);
  };
  let bytes: Buffer;
  try {
    const raw = readFileSync(file);
    bytes = file.endsWith('.gz') ? gunzipSync(raw, { maxOutputLength: MAX_IDX_BYTES }) : raw;
  } catch (error) {
    return fail(systemReason(error));
  }
  const headerBytes = 4 + 4 * axes;
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== magic) return fail('its header is another');
  const sizes = Array.from({ length: axes }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const expected = sizes.reduce((a, b) => a * b, 1);
  if (bytes.length - headerBytes !== expected)
    return fail(`${sizes.join('×')} elements are announced, ${bytes.length - headerBytes} are there`);
  return { sizes, data: bytes.subarray(headerBytes) };
}

/** Labels that a number of classes has when nothing names them. */
function numberedLabels(classIds: ArrayLike<number>): readonly string[] {
  const count = Array.from(classIds).reduce((largest, label) => Math.max(largest, label), 0) + 1;
  return Array.from({ length: count }, (_, label) => String(label));
}

/** Images `[images, height, width, 3]` or `[images, height, width]`, and their classes `[images]` if there are any. */
async function openNpz(path: string): Promise<ImageSource> {
  const arrays = [...(await readNpz(path)).values()];
  const images = arrays.find(({ shape, data }) => shape.length >= 3 && data instanceof Uint8Array);
  if (!images) throw new InputError(`${path}: no images: expected bytes [images, height, width, 3]`);
  const [count, height, width, channels = 1] = images.shape as [number, number, number, number?];
  if (count === 0 || ![1, 3].includes(channels) || images.shape.length > 4)
    throw new InputError(
      `${path}: images of shape [${images.shape.join(', ')}]; expected [images, height, width, 3]`,
    );
  const classes = arrays.find(({ shape }) => shape.length === 1);
  if (classes && (classes.shape[0] !== count || classes.data.some((label) => label < 0)))
    throw new InputError(`${path}: ${count} images but ${classes.shape[0]} labels, or negative ones`);
  const classIds = classes?.data ?? new Int32Array(count);
  const bytes = height * width * channels;
  return {
    count,
    labels: numberedLabels(classIds),
    classOf: (index) => classIds[index]!,
    async image(index) {
      const pixels = images.data.subarray(index * bytes, (index + 1) * bytes) as Uint8Array;
      return { width, height, data: channels === 3 ? pixels : greyAsRgb(pixels) };
    },
    failures: new Map(),
  };
}

function greyAsRgb(grey: Uint8Array): Uint8Array {
  const data = new Uint8Array(3 * grey.length);
  for (const [pixel, value] of grey.entries()) data.fill(value, 3 * pixel, 3 * pixel + 3);
  return data;
}

function openIdx(path: string, imagesName: string, names: readonly string[]): ImageSource {
  const labelsName = imagesName.replace('images', 'labels').replace('idx3', 'idx1');
  const plain = labelsName.replace(/\.gz$/, '');
  const labelsFile = [labelsName, plain, `${plain}.gz`].find((name) => names.includes(name));
  if (labelsFile === undefined || !existsSync(join(path, labelsFile)))
    throw new InputError(`${path}: ${basename(imagesName)} has no ${plain} beside it`);
  const images = readIdx(join(path, imagesName), IDX_IMAGES_MAGIC, 3);
  const classes = readIdx(join(path, labelsFile), IDX_LABELS_MAGIC, 1);
  const [count, height, width] = images.sizes as [number, number, number];
  if (classes.sizes[0] !== count)
    throw new InputError(`${path}: ${count} images but ${classes.sizes[0]} labels`);
  if (count === 0) throw new InputError(`${path}: ${imagesName} holds no images`);
  return {
    count,
    labels: numberedLabels(classes.data),
    classOf: (index) => classes.data[index]!,
    async image(index) {
      const grey = images.data.subarray(index * height * width, (index + 1) * height * width);
      return { width, height, data: greyAsRgb(grey) };
    },
    failures: new Map(),
  };
}

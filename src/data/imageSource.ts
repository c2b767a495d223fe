import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InputError, systemReason } from '../errors.js';
import { cropForTokens, decodeImage, type RgbImage } from './image.js';

/** Labelled images to train on. */
export interface ImageSource {
  readonly count: number;
  /** Names of the classes by index. */
  readonly labels: readonly string[];
  classOf(index: number): number;
  /** One image, resized and cropped to the size asked for. Its decoding runs beside this thread. */
  image(index: number, size: number): Promise<RgbImage>;
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
 * Opens a folder of class folders with PNG, JPEG or WebP files, or one with IDX files (the MNIST format).
 * @throws InputError naming the folder or file at fault.
 */
export function openImageSource(path: string): ImageSource {
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

function openClassFolders(path: string, names: readonly string[]): ImageSource {
  const labels = names.filter((name) => statSync(join(path, name)).isDirectory());
  const files = labels.flatMap((label, classId) =>
    readdirSync(join(path, label))
      .filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()))
      .sort()
      .map((name) => ({ file: join(path, label, name), classId })),
  );
  if (files.length === 0)
    throw new InputError(
      `${path}: no images: expected class folders with PNG, JPEG or WebP files, or IDX files`,
    );
  const failures = new Map<string, string>();
  const load = async (index: number, size: number, tried = 0): Promise<RgbImage> => {
    const { file } = files[index]!;
    try {
      const image = await decodeImage(readFileSync(file), file);
      return (await cropForTokens(image, 'center', size, 1))[0]!;
    } catch (error) {
      failures.set(file, (error as Error).message);
      if (tried + 1 >= files.length) throw new InputError(`${path}: none of its images can be read`, error);
      return load((index + 1) % files.length, size, tried + 1);
    }
  };
  return { count: files.length, labels, classOf: (index) => files[index]!.classId, image: load, failures };
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
  const classCount = classes.data.reduce((largest, label) => Math.max(largest, label), 0) + 1;
  return {
    count,
    labels: Array.from({ length: classCount }, (_, label) => String(label)),
    classOf: (index) => classes.data[index]!,
    async image(index, size) {
      const grey = images.data.subarray(index * height * width, (index + 1) * height * width);
      const data = new Uint8Array(3 * height * width);
      for (const [pixel, value] of grey.entries()) data.fill(value, 3 * pixel, 3 * pixel + 3);
      return (await cropForTokens({ width, height, data }, 'center', size, 1))[0]!;
    },
    failures: new Map(),
  };
}

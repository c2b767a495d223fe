import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { InputError, systemReason } from '../errors.js';
import { countClasses, emptyClassesNote, numberedLabels } from './classLabels.js';
import { firstPart } from './datasetPart.js';
import { greyAsRgb, type PictureList } from './pictureList.js';

const IMAGES_NAME = /images.*idx3-ubyte(\.gz)?$/;
const IMAGES_MAGIC = 0x803;
const LABELS_MAGIC = 0x801;
/** Files up to this size are unpacked whatever their packed size. */
const FREE_BYTES = 2 ** 28;
/** Larger ones only to so many times their packed size: handwriting packs to a fifth, and bombs to a thousandth. */
const MAX_RATIO = 32;
const MAX_BYTES = 2 ** 31 - 1;
/** So many images may come from a file of any size; more need a byte each, and real ones take many. */
const FREE_IMAGES = 2 ** 16;

interface IdxArray {
  readonly sizes: readonly number[];
  readonly data: Uint8Array;
}

/** The names of IDX files with images among those of a folder. */
export function idxImageNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => IMAGES_NAME.test(name));
}

/**
 * The stream's bytes, to the size that its header announces; what is allocated is checked before.
 * @param limit elements that there can be
 */
async function readArray(
  stream: AsyncIterable<Buffer>,
  magic: number,
  axes: number,
  limit: number,
  fail: (reason: string) => never,
): Promise<IdxArray> {
  const headerBytes = 4 + 4 * axes;
  let header = Buffer.alloc(0);
  let sizes: readonly number[] | undefined;
  let data = new Uint8Array(0);
  let found = 0;
  const expected = () => sizes!.reduce((a, b) => a * b, 1);
  for await (const chunk of stream) {
    let rest = chunk;
    if (sizes === undefined) {
      const before = header.length;
      header = Buffer.concat([header, chunk.subarray(0, headerBytes - before)]);
      rest = chunk.subarray(headerBytes - before);
      if (header.length < headerBytes) continue;
      if (header.readUInt32BE(0) !== magic) return fail('its header is another');
      const announced = Array.from({ length: axes }, (_, axis) => header.readUInt32BE(4 + 4 * axis));
      sizes = announced;
      if (!(expected() <= limit))
        return fail(`${announced.join('×')} elements are announced, at most ${limit} are there`);
      data = new Uint8Array(expected());
    }
    if (found + rest.length > data.length)
      return fail(`${sizes.join('×')} elements are announced, more are there`);
    data.set(rest, found);
    found += rest.length;
  }
  if (sizes === undefined) return fail('its header is another');
  if (found !== data.length) return fail(`${sizes.join('×')} elements are announced, ${found} are there`);
  return { sizes, data };
}

/** The size of a regular file in bytes. */
function sizeOf(file: string, fail: (reason: string) => never): number {
  try {
    const stats = statSync(file);
    if (stats.isFile()) return stats.size;
  } catch (error) {
    return fail(systemReason(error));
  }
  return fail('it is no file');
}

/** An IDX file's sizes and bytes; one that ends in `.gz` is unpacked. */
async function readIdx(file: string, magic: number, axes: number): Promise<IdxArray> {
  const fail = (reason: string): never => {
    throw new InputError(`${file}: not a usable IDX file: ${reason}`);
  };
  const size = sizeOf(file, fail);
  const raw = createReadStream(file);
  try {
    if (!file.endsWith('.gz')) return await readArray(raw, magic, axes, size, fail);
    const unpacked = createGunzip();
    raw.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
    const limit = Math.min(MAX_BYTES, Math.max(FREE_BYTES, MAX_RATIO * size));
    return await readArray(unpacked, magic, axes, limit, fail);
  } catch (error) {
    if (error instanceof InputError) throw error;
    return fail(systemReason(error));
  } finally {
    raw.destroy();
  }
}

/** The name without `.gz`. */
const stemOf = (name: string) => name.replace(/\.gz$/, '');

/** The file with images to use: of the part to train on, unpacked if it is there both ways. */
function chooseImages(path: string, names: readonly string[]): string {
  const stems = [...new Set(idxImageNames(names).map(stemOf))];
  const [chosen, ...others] = firstPart(stems, (stem) => stem);
  if (others.length > 0)
    throw new InputError(
      `${path}: which are the images, ${[chosen, ...others].join(' or ')}? Keep one of them in the folder`,
    );
  return chosen!;
}

/**
 * The pictures of a folder with IDX files (the MNIST format): grey images with their labels, of the training part if
 * there are several.
 * @param names of the folder's files
 * @throws InputError naming the file at fault.
 */
export async function picturesOfIdx(path: string, names: readonly string[]): Promise<PictureList> {
  const imagesStem = chooseImages(path, names);
  const labelsStem = imagesStem.replace('images', 'labels').replace('idx3', 'idx1');
  const fileOf = (stem: string) => [stem, `${stem}.gz`].find((name) => names.includes(name));
  const [imagesName, labelsName] = [fileOf(imagesStem)!, fileOf(labelsStem)];
  if (labelsName === undefined) throw new InputError(`${path}: ${imagesName} has no ${labelsStem} beside it`);
  const images = await readIdx(join(path, imagesName), IMAGES_MAGIC, 3);
  const packedBytes = statSync(join(path, imagesName)).size;
  const { data: classIds } = await readIdx(join(path, labelsName), LABELS_MAGIC, 1);
  const [count, height, width] = images.sizes as [number, number, number];
  if (classIds.length !== count)
    throw new InputError(
      `${path}: ${imagesName} has ${count} images but ${labelsName} ${classIds.length} labels`,
    );
  if (images.data.length === 0) throw new InputError(`${path}: ${imagesName} holds no images`);
  if (count > Math.max(FREE_IMAGES, packedBytes))
    throw new InputError(
      `${path}: ${imagesName} unpacks to ${count} images from ${packedBytes} bytes, which are none`,
    );
  const placeOf = (index: number) => `${join(path, imagesName)}: image ${index}`;
  const labels = numberedLabels(countClasses(classIds, placeOf));
  const empty = emptyClassesNote(classIds, labels);
  const unused = idxImageNames(names).filter((name) => stemOf(name) !== imagesStem);
  return {
    count,
    labels,
    classOf: (index) => classIds[index]!,
    placeOf,
    async read(index) {
      const grey = images.data.subarray(index * height * width, (index + 1) * height * width);
      return { width, height, data: greyAsRgb(grey) };
    },
    notes: [
      `${path}: uses ${imagesName} and ${labelsName}${unused.length > 0 ? `; not used: ${unused.join(', ')}` : ''}`,
      ...(empty === undefined ? [] : [`${path}: ${empty}`]),
    ],
  };
}

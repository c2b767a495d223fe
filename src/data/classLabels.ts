import { InputError } from '../errors.js';
import type { IntegerArray } from './npy.js';

/** Data of few images have at most so many classes; larger ones at most one for each image. */
const FREE_CLASSES = 2 ** 16;
const MAX_CLASSES = 2 ** 20;
/** How many classes a note lists. */
const CLASSES_NAMED = 8;

/**
 * How many classes there are when the largest is the last: checked before anything is made for each of them, since one
 * wrong number would make millions.
 * @param classIds each image's class, from 0
 * @param placeOf what messages call an image
 * @throws InputError naming the image whose class is negative or too large.
 */
export function countClasses(classIds: ArrayLike<number>, placeOf: (image: number) => string): number {
  const limit = Math.min(Math.max(FREE_CLASSES, classIds.length), MAX_CLASSES);
  let largest = 0;
  for (let image = 0; image < classIds.length; image++) {
    const classId = classIds[image]!;
    if (classId < 0) throw new InputError(`${placeOf(image)}: the class ${classId} is negative`);
    if (classId >= limit)
      throw new InputError(
        `${placeOf(image)}: the class ${classId} is too large: ${classIds.length} images may have classes 0 to ${limit - 1}`,
      );
    if (classId > largest) largest = classId;
  }
  return largest + 1;
}

/** Names for classes that nothing names: their numbers. */
export function numberedLabels(classes: number): readonly string[] {
  return Array.from({ length: classes }, (_, label) => String(label));
}

/** A line that names the classes without images; undefined when all have some. */
export function emptyClassesNote(classIds: ArrayLike<number>, labels: readonly string[]): string | undefined {
  const hasImages = new Uint8Array(labels.length);
  for (let image = 0; image < classIds.length; image++) hasImages[classIds[image]!] = 1;
  const empty = labels.filter((_, classId) => hasImages[classId] === 0);
  if (empty.length === 0) return undefined;
  const names = `${empty.slice(0, CLASSES_NAMED).join(', ')}${empty.length > CLASSES_NAMED ? ', …' : ''}`;
  return `${empty.length} of ${labels.length} classes have no images: ${names}`;
}

/** Each image's class from rows with a single 1. */
function readOneHot({ shape, data }: IntegerArray, source: string): Int32Array {
  const [images, classes] = shape as [number, number];
  return Int32Array.from({ length: images }, (_, image) => {
    const row = data.subarray(image * classes, (image + 1) * classes);
    const chosen = row.indexOf(1);
    if (chosen < 0 || row.lastIndexOf(1) !== chosen || row.some((value) => value !== 0 && value !== 1))
      throw new InputError(
        `${source}: labels of shape [${shape.join(', ')}], of which row ${image} has not a single 1 among zeros; expected one class an image`,
      );
    return chosen;
  });
}

/**
 * Each image's class from an array of labels: `[images]`, `[images, 1]` or one-hot `[images, classes]`.
 * @param array of two axes at most
 * @throws InputError when the array is something else, or has another number of images.
 */
export function readLabels(array: IntegerArray, images: number, source: string): ArrayLike<number> {
  const { shape, data } = array;
  if (shape[0] !== images)
    throw new InputError(`${source}: labels of shape [${shape.join(', ')}] for ${images} images`);
  return shape.length === 1 || shape[1] === 1 ? data : readOneHot(array, source);
}

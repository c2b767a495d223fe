import { InputError } from '../errors.js';
import { countClasses, emptyClassesNote, numberedLabels, readLabels } from './classLabels.js';
import { firstPart, partOf } from './datasetPart.js';
import type { IntegerArray } from './npy.js';
import { greyAsRgb, type PictureList, UNLABELLED } from './pictureList.js';

/** An array of an archive. */
interface Named {
  readonly name: string;
  readonly array: IntegerArray;
}

const CHANNELS = new Set([1, 3]);

const describe = ({ name, array }: Named) => `${name} [${array.shape.join(', ')}]`;
const list = (arrays: readonly Named[]) => arrays.map(({ name }) => name).join(', ');
/** Pictures have three axes or four, labels one or two. */
const isImages = ({ array }: Named) => array.shape.length >= 3;

/** Why an array is none of images that can be read; undefined when it is. */
function imagesFault({ name, array: { shape, data } }: Named): string | undefined {
  const told = `${name} has the shape [${shape.join(', ')}]`;
  if (!(data instanceof Uint8Array))
    return `${name} holds other numbers than bytes; save it with .astype("uint8")`;
  if (shape.includes(0)) return `${told}, which is empty`;
  const channels = shape[3];
  if (shape.length === 3 && shape[2]! <= 4)
    return `${told}: one colour picture, or grey ones ${shape[2]} pixels wide? Save it as [1, height, width, 3] or [images, height, width, 1]`;
  if (shape.length === 3 || (shape.length === 4 && CHANNELS.has(channels!))) return undefined;
  if (shape.length === 4 && CHANNELS.has(shape[1]!))
    return `${told}, with the channels first; save numpy.transpose(array, (0, 2, 3, 1)) of it`;
  return `${told}; expected [images, height, width, 3] or [images, height, width]`;
}

/** The array of images to use, and those of the other parts of the data set. */
function chooseImages(arrays: readonly Named[], path: string): Named {
  const candidates = arrays.filter(isImages);
  if (candidates.length === 0)
    throw new InputError(
      `${path}: no images: expected bytes [images, height, width, 3], found ${arrays.map(describe).join(', ') || 'no arrays'}`,
    );
  const [chosen, ...others] = firstPart(candidates, ({ name }) => name);
  if (others.length > 0)
    throw new InputError(
      `${path}: which are the images, ${list([chosen!, ...others])}? Name them by their part, such as train_images and test_images`,
    );
  const fault = imagesFault(chosen!);
  if (fault !== undefined) throw new InputError(`${path}: ${fault}`);
  return chosen!;
}

/**
 * The array of the images' labels: the only other one of their part, or of none; undefined when there is none.
 * @throws InputError when there are several, or only those of another part whose images are not there.
 */
function chooseLabels(arrays: readonly Named[], images: Named, path: string): Named | undefined {
  const others = new Set(arrays.filter(isImages).map(({ name }) => partOf(name)));
  others.delete(partOf(images.name));
  const own = partOf(images.name);
  const rest = arrays.filter((named) => !isImages(named) && !others.has(partOf(named.name)));
  const candidates = rest.filter(({ name }) => [own, 'whole'].includes(partOf(name)) || own === 'whole');
  const [foreign] = rest.filter((named) => !candidates.includes(named));
  if (foreign && candidates.length === 0)
    throw new InputError(
      `${path}: ${describe(foreign)} belongs to another part than ${images.name}; give the images their own labels, or leave it out`,
    );
  if (candidates.length > 1)
    throw new InputError(
      `${path}: which are the labels of ${images.name}, ${candidates.map(describe).join(' or ')}? Keep one of them`,
    );
  return candidates[0];
}

/** What is said about the choice. */
function notesOf(
  path: string,
  arrays: readonly Named[],
  images: Named,
  labels: Named | undefined,
): readonly string[] {
  const unused = arrays.filter((named) => named !== images && named !== labels);
  const { shape } = images.array;
  const isAmbiguous = shape.length === 4 && CHANNELS.has(shape[1]!);
  const used =
    labels === undefined ? `${images.name}, which has no labels` : `${images.name} and ${labels.name}`;
  return [
    `${path}: uses ${used}${unused.length > 0 ? `; not used: ${list(unused)}` : ''}`,
    ...(isAmbiguous
      ? [
          `${path}: ${describe(images)} is taken as [images, height, width, channels]: pictures ${shape[1]} pixels high`,
        ]
      : []),
  ];
}

/**
 * The pictures of a `.npz` archive: bytes `[images, height, width, 3]`, `[…, 1]` or `[images, height, width]`, with
 * labels `[images]`, `[images, 1]` or one-hot `[images, classes]`. Which arrays they are follows from their names: the
 * training part goes before one that names none, then validation, then test.
 * @throws InputError naming the archive and the array when one is not understood.
 */
export function picturesOfArchive(path: string, archive: ReadonlyMap<string, IntegerArray>): PictureList {
  const arrays = [...archive].map(([name, array]) => ({ name, array }));
  const images = chooseImages(arrays, path);
  const labelled = chooseLabels(arrays, images, path);
  const [count, height, width, channels = 1] = images.array.shape as [number, number, number, number?];
  const classIds = labelled && readLabels(labelled.array, count, `${path}: ${labelled.name}`);
  const placeOf = (index: number) => `${path}: image ${index}`;
  const labels = numberedLabels(classIds ? countClasses(classIds, placeOf) : 1);
  const empty = classIds && emptyClassesNote(classIds, labels);
  const bytes = height * width * channels;
  return {
    count,
    labels,
    classOf: (index) => classIds?.[index] ?? UNLABELLED,
    placeOf,
    async read(index) {
      const pixels = images.array.data.subarray(index * bytes, (index + 1) * bytes) as Uint8Array;
      return { width, height, data: channels === 3 ? pixels : greyAsRgb(pixels) };
    },
    notes: [
      ...notesOf(path, arrays, images, labelled),
      ...(empty === undefined ? [] : [`${path}: ${empty}`]),
    ],
  };
}

import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { InputError } from '../errors.js';
import { encodeNpzDoubles, openNpz } from './npzFile.js';
import type { FloatArray } from './npy.js';
import type { PlacedTokenLine, TokenLine } from './tokenLines.js';

/** Whether a file is an archive of NumPy's arrays, by its name. */
export function isVectorArchive(path: string | undefined): boolean {
  return path !== undefined && /\.npz$/i.test(path);
}

/**
 * Lines of vectors as an archive of NumPy's: `vectors` `[images, height, width, channels]`, `deviations` likewise where there
 * are some, and `class_ids` `[images]` where all have a class.
 * @throws InputError where the pictures have different grids.
 */
export async function encodeVectors(lines: readonly TokenLine[]): Promise<Uint8Array> {
  const [first] = lines as [TokenLine];
  const size = [...first.grid!, first.channels!];
  if (lines.some(({ grid, channels }) => [...grid!, channels!].join() !== size.join()))
    throw new InputError(
      'pictures of different sizes do not fit in one .npz archive; write JSON lines, to a .jsonl file',
    );
  const joined = (rows: readonly (readonly number[])[]): FloatArray => ({
    shape: [lines.length, ...size],
    data: Float64Array.from(rows.flat()),
  });
  const classes = lines.flatMap(({ class_id: classId }) => (classId === undefined ? [] : [classId]));
  const arrays = {
    vectors: joined(lines.map(({ vectors }) => vectors!)),
    ...(first.deviations && { deviations: joined(lines.map(({ deviations }) => deviations!)) }),
    ...(classes.length === lines.length && {
      class_ids: { shape: [classes.length], data: Float64Array.from(classes) },
    }),
  };
  return buffer(encodeNpzDoubles(arrays) as Readable);
}

/**
 * The lines of an archive with `vectors`, as `encodeVectors` writes it.
 * @throws InputError naming the file when it holds something else.
 */
export async function readVectors(path: string): Promise<readonly PlacedTokenLine[]> {
  const file = await openNpz(path);
  const read = (name: string) => (file.names.includes(name) ? file.floats(name) : undefined);
  const vectors = file.floats('vectors');
  const [count = 0, height = 0, width = 0, channels = 0] = vectors.shape;
  const length = height * width * channels;
  if (vectors.shape.length !== 4 || count * length === 0)
    throw new InputError(
      `${path}: 'vectors' has the shape [${vectors.shape.join(', ')}], not [images, height, width, channels]`,
    );
  const [deviations, classes] = [read('deviations'), read('class_ids')];
  if (
    (deviations && deviations.shape.join() !== vectors.shape.join()) ||
    (classes && classes.data.length !== count)
  )
    throw new InputError(`${path}: its arrays are not of the same pictures`);
  const part = ({ data }: FloatArray, image: number) =>
    Array.from(data.subarray(image * length, (image + 1) * length));
  return Array.from({ length: count }, (_, image) => ({
    place: `${path}: picture ${image}`,
    vectors: part(vectors, image),
    ...(deviations && { deviations: part(deviations, image) }),
    ...(classes && { class_id: classes.data[image]! }),
    channels,
    grid: [height, width],
  }));
}

import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { RgbImage } from './image.js';
import { encodeNpyBytes, type IntegerArray } from './npy.js';
import { openNpz } from './npzFile.js';

/** NumPy's `.npz` with the images, all of one size, as `arr_0` `[images, height, width, 3]`, as FID tools read it. */
export async function encodeNpz(images: readonly RgbImage[]): Promise<Uint8Array> {
  const { width, height } = images[0]!;
  const {
    buffer: memory,
    byteOffset,
    length,
  } = encodeNpyBytes(
    [images.length, height, width, 3],
    images.map(({ data }) => data),
  );
  const zip = new ZipFile();
  // A fixed date keeps the bytes the same from run to run.
  zip.addBuffer(Buffer.from(memory, byteOffset, length), 'arr_0.npy', {
    compress: false,
    mtime: new Date(2000, 0, 1),
  });
  zip.end();
  return buffer(zip.outputStream);
}

/**
 * The integer arrays of a `.npz` archive by their names.
 * @throws InputError naming the file when it is damaged or holds something else.
 */
export async function readNpz(path: string): Promise<ReadonlyMap<string, IntegerArray>> {
  const { names, integers } = await openNpz(path);
  return new Map(names.map((name) => [name, integers(name)]));
}

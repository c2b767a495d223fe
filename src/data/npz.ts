import { buffer } from 'node:stream/consumers';
import yauzl from 'yauzl';
import { ZipFile } from 'yazl';
import { InputError, systemReason } from '../errors.js';
import type { RgbImage } from './image.js';
import { encodeNpyBytes, type IntegerArray, parseNpy } from './npy.js';

/** Unpacked arrays stay below this, whatever an archive claims. */
const MAX_ARRAY_BYTES = 2 ** 31 - 1;

/** NumPy's `.npz` with the images, all of one size, as `arr_0` `[images, height, width, 3]`, as FID tools read it. */
export async function encodeNpz(images: readonly RgbImage[]): Promise<Uint8Array> {
  const { width, height } = images[0]!;
  const array = encodeNpyBytes(
    [images.length, height, width, 3],
    images.map(({ data }) => data),
  );
  const zip = new ZipFile();
  // A fixed date keeps the bytes the same from run to run.
  zip.addBuffer(array, 'arr_0.npy', { compress: false, mtime: new Date(2000, 0, 1) });
  zip.end();
  return buffer(zip.outputStream);
}

/**
 * The integer arrays of a `.npz` archive by their names.
 * @throws InputError naming the file when it is damaged or holds something else.
 */
export async function readNpz(path: string): Promise<ReadonlyMap<string, IntegerArray>> {
  const arrays = new Map<string, IntegerArray>();
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    try {
      for await (const entry of zip.eachEntry()) {
        if (!entry.fileName.endsWith('.npy')) continue;
        if (entry.uncompressedSize > MAX_ARRAY_BYTES)
          throw new InputError(`${path}: its array ${entry.fileName} is too large to be read`);
        const bytes = await buffer(await zip.openReadStreamPromise(entry));
        arrays.set(entry.fileName.replace(/\.npy$/, ''), parseNpy(bytes, `${path}: ${entry.fileName}`));
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: not a usable .npz archive: ${systemReason(error)}`, error);
  }
  return arrays;
}

import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { RgbImage } from './image.js';

const NPY_ALIGNMENT = 64;
const NPY_PREFIX_BYTES = 10;

/** One NumPy array of bytes in `.npy` format 1.0. */
function encodeNpyBytes(shape: readonly number[], chunks: readonly Uint8Array[]): Buffer {
  const description = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const padded = Math.ceil((NPY_PREFIX_BYTES + description.length + 1) / NPY_ALIGNMENT) * NPY_ALIGNMENT;
  const header = Buffer.alloc(padded, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(padded - NPY_PREFIX_BYTES, 8);
  header.write(description, NPY_PREFIX_BYTES, 'latin1');
  header.write('\n', padded - 1, 'latin1');
  return Buffer.concat([header, ...chunks]);
}

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

import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { InputError, quotable } from '../errors.js';
import { openZip, readZipMember, ZipError } from '../files/zipArchive.js';
import type { RgbImage } from './image.js';
import { encodeNpyBytes, type IntegerArray, parseNpy } from './npy.js';

/** Unpacked arrays stay below this, whatever an archive claims. */
const MAX_ARRAY_BYTES = 2 ** 31 - 1;

const ARRAY_EXTENSION = '.npy';

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
  try {
    const archive = await openZip(path);
    const arrays = [...archive.members.values()].filter(({ name }) => name.endsWith(ARRAY_EXTENSION));
    return new Map(
      arrays.map((member) => {
        const { name } = member;
        if (member.bytes > MAX_ARRAY_BYTES)
          throw new ZipError(`its array '${quotable(name)}' is too large to be read`);
        const array = parseNpy(readZipMember(archive, member), `${path}: ${quotable(name)}`);
        return [name.slice(0, -ARRAY_EXTENSION.length), array];
      }),
    );
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    throw new InputError(`${path}: not a usable .npz archive: ${error.message}`, error);
  }
}

import { ZipFile } from 'yazl';
import { InputError, quotable } from '../errors.js';
import { readFileRange } from '../files/fileRange.js';
import {
  openZip,
  readZipMember,
  verifyZipMember,
  type ZipArchive,
  ZipError,
  type ZipMember,
} from '../files/zipArchive.js';
import type { RgbImage } from './image.js';
import {
  describeNpy,
  encodeNpyDoubles,
  type FloatArray,
  type IntegerArray,
  MAX_NPY_HEADER,
  parseNpy,
  parseNpyFloats,
} from './npy.js';
import { greyAsRgb, type PictureList, UNLABELLED } from './pictureList.js';

const EXTENSION = '.npy';
/** What is not stored as it is must be unpacked whole. */
const MAX_UNPACKED_BYTES = 2 ** 31 - 1;
/** Statistics of features, whose covariance is a square. */
const MAX_FLOATS_BYTES = 2 ** 30;
const CHANNELS = [1, 3];

/** An archive of NumPy's arrays, whose elements stay in the file until they are needed. */
export interface NpzFile {
  readonly path: string;
  /** The arrays' names, without `.npy`. */
  readonly names: readonly string[];
  /** The pictures `[images, height, width, 3]`, or grey without the last axis, of an array of bytes. @throws InputError */
  pictures(name: string): PictureList;
  /** An array of whole numbers. @throws InputError */
  integers(name: string): IntegerArray;
  /** An array of floating-point numbers. @throws InputError */
  floats(name: string): FloatArray;
}

/**
 * Opens an archive, as `numpy.savez` writes it, also beyond 4 GB.
 * @throws InputError naming the file when it is damaged.
 */
export async function openNpz(path: string): Promise<NpzFile> {
  const refuse = (error: unknown): never => {
    if (!(error instanceof ZipError)) throw error;
    throw new InputError(`${path}: not a usable .npz archive: ${error.message}`, error);
  };
  const asInput = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      return refuse(error);
    }
  };
  const archive = await openZip(path).catch(refuse);
  const member = (name: string): ZipMember => {
    const found = archive.members.get(name + EXTENSION);
    if (!found) throw new InputError(`${path}: it has no array '${quotable(name)}'`);
    return found;
  };
  const placeOf = (name: string) => `${path}: ${quotable(name)}`;
  const bytesOf = (name: string, limit: number): Uint8Array => {
    const own = member(name);
    if (own.bytes > limit) throw new ZipError(`its array '${quotable(own.name)}' is too large to be read`);
    return readZipMember(archive, own);
  };
  return {
    path,
    names: [...archive.members.keys()]
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => name.slice(0, -EXTENSION.length)),
    pictures: (name) => asInput(() => picturesIn(archive, member(name), placeOf(name))),
    integers: (name) => asInput(() => parseNpy(bytesOf(name, MAX_UNPACKED_BYTES), placeOf(name + EXTENSION))),
    floats: (name) => asInput(() => parseNpyFloats(bytesOf(name, MAX_FLOATS_BYTES), placeOf(name))),
  };
}

/** Bytes of a member from a place on: from the file where it is stored as it is. */
function readerOf(archive: ZipArchive, member: ZipMember): (start: number, length: number) => Uint8Array {
  if (!member.compressed) {
    verifyZipMember(archive, member);
    return (start, length) => readFileRange(archive.path, member.offset + start, length);
  }
  if (member.bytes > MAX_UNPACKED_BYTES)
    throw new ZipError(
      `'${quotable(member.name)}' is compressed and too large for that; save it with numpy.savez`,
    );
  const bytes = readZipMember(archive, member);
  return (start, length) => bytes.subarray(start, start + length);
}

function picturesIn(archive: ZipArchive, member: ZipMember, source: string): PictureList {
  const fail = (reason: string): never => {
    throw new InputError(`${source}: ${reason}`);
  };
  const read = readerOf(archive, member);
  const { descr, shape, dataStart } = describeNpy(read(0, Math.min(MAX_NPY_HEADER, member.bytes)), fail);
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  if (descr !== '|u1')
    return fail('its elements are no bytes, 0 to 255; save the pictures with .astype("uint8")');
  const isPictures = (shape.length === 3 || shape.length === 4) && CHANNELS.includes(channels);
  if (!isPictures) return fail(`its shape is [${shape.join(', ')}], not [images, height, width, 3]`);
  const bytes = height * width * channels;
  if (count === 0 || bytes === 0) return fail('it holds no pictures');
  if (dataStart + count * bytes !== member.bytes)
    return fail(
      `${count} pictures of ${bytes} bytes are announced, ${member.bytes - dataStart} bytes are there`,
    );
  return {
    count,
    labels: [],
    notes: [],
    classOf: () => UNLABELLED,
    placeOf: (index) => `${source}: picture ${index}`,
    async read(index): Promise<RgbImage> {
      const data = read(dataStart + index * bytes, bytes);
      return { width, height, data: channels === 1 ? greyAsRgb(data) : Uint8Array.from(data) };
    },
  };
}

/** Arrays of double precision as an archive, in pieces; the same arrays make the same bytes. */
export function encodeNpzDoubles(arrays: Readonly<Record<string, FloatArray>>): AsyncIterable<Uint8Array> {
  const zip = new ZipFile();
  for (const [name, { shape, data }] of Object.entries(arrays))
    zip.addBuffer(Buffer.from(encodeNpyDoubles(shape, data)), name + EXTENSION, {
      compress: false,
      mtime: new Date(2000, 0, 1),
    });
  zip.end();
  return zip.outputStream as unknown as AsyncIterable<Uint8Array>;
}

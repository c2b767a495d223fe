import { InputError } from '../errors.js';

/** An array in NumPy's `.npy` format, its elements as integers. */
export interface IntegerArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Int32Array;
}

const MAGIC = '\x93NUMPY';
const ALIGNMENT = 64;
const PREFIX_BYTES = 10;
/** Headers of version 2 and later give their length in four bytes. */
const LONG_PREFIX_BYTES = 12;
/** NumPy itself reads no longer headers. */
const MAX_HEADER_BYTES = 10_000;
const MAX_AXES = 32;

const ELEMENT_BYTES = { b1: 1, u1: 1, i1: 1, u2: 2, i2: 2, u4: 4, i4: 4, u8: 8, i8: 8 } as const;
type ElementType = keyof typeof ELEMENT_BYTES;

/** The header of an array in format version 1.0. @param descr NumPy's name of the elements, such as `|u1` */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const size = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const description = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${size}), }`;
  const padded = Math.ceil((PREFIX_BYTES + description.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(padded, ' ');
  header.write(`${MAGIC}\x01\x00`, 'latin1');
  header.writeUInt16LE(padded - PREFIX_BYTES, 8);
  header.write(description, PREFIX_BYTES, 'latin1');
  header.write('\n', padded - 1, 'latin1');
  return header;
}

/** One array of bytes. */
export function encodeNpyBytes(shape: readonly number[], chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([npyHeader('|u1', shape), ...chunks]);
}

/** One array of double precision. */
export function encodeNpyDoubles(shape: readonly number[], values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Buffer.concat([npyHeader('<f8', shape), bytes]);
}

/** What an array's header says. */
export interface NpyDescription {
  /** NumPy's name of the elements; undefined where it is not named in a way that is known. */
  readonly descr: string | undefined;
  readonly shape: readonly number[];
  /** Where the elements start. */
  readonly dataStart: number;
}

/** Bytes that hold any header that is read. */
export const MAX_NPY_HEADER = LONG_PREFIX_BYTES + MAX_HEADER_BYTES;

/**
 * Reads the header of an array in row-major order.
 * @param bytes the beginning of the file; `MAX_NPY_HEADER` suffice
 * @param fail throws what is wrong
 */
export function describeNpy(bytes: Uint8Array, fail: (reason: string) => never): NpyDescription {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LONG_PREFIX_BYTES || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC)
    return fail('its header is another');
  const version = bytes[6]!;
  if (version < 1 || version > 3) return fail(`its format version ${version} is unknown`);
  const isLong = version >= 2;
  const prefix = isLong ? LONG_PREFIX_BYTES : PREFIX_BYTES;
  const headerBytes = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const dataStart = prefix + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES && dataStart <= bytes.length)
    return fail(`its header of ${headerBytes} bytes is too long`);
  if (dataStart > bytes.length) return fail('it is cut short');
  const header = Buffer.from(bytes.subarray(prefix, dataStart)).toString('latin1');
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  const isRowMajor = /'fortran_order':\s*False/.test(header);
  return { descr, shape: shapeOf(shapeText, isRowMajor, fail), dataStart };
}

function shapeOf(
  text: string | undefined,
  isRowMajor: boolean,
  fail: (reason: string) => never,
): readonly number[] {
  if (text === undefined || !isRowMajor)
    return fail('it is not in row-major order; save numpy.ascontiguousarray of it');
  const shape = text.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const count = shape.reduce((a, b) => a * b, 1);
  if (shape.length > MAX_AXES || !Number.isSafeInteger(count)) return fail('its shape is too large');
  return shape;
}

function readElement(view: DataView, offset: number, type: ElementType): number {
  switch (type) {
    case 'b1':
    case 'u1':
      return view.getUint8(offset);
    case 'i1':
      return view.getInt8(offset);
    case 'u2':
      return view.getUint16(offset, true);
    case 'i2':
      return view.getInt16(offset, true);
    case 'u4':
      return view.getUint32(offset, true);
    case 'i4':
      return view.getInt32(offset, true);
    case 'u8':
      return Number(view.getBigUint64(offset, true));
    case 'i8':
      return Number(view.getBigInt64(offset, true));
  }
}

function isElementType(name: string): name is ElementType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

/** Why elements of a kind are not read, and what to do. */
function kindFault(description: string | undefined): string {
  const kind = description?.replace(/^[<>=|]/, '')[0];
  if (kind === 'f')
    return 'its elements are not integers but floating-point numbers; save images with .astype("uint8"), labels and tokens with .astype("int64")';
  if (description?.startsWith('>') === true)
    return 'its bytes are in big-endian order; save it in little-endian';
  return 'its elements are not integers; remove it, or save it as integers';
}

/**
 * Reads an array of little-endian integers in row-major order.
 * @param source its name, for messages
 * @throws InputError when it is something else, cut short, or holds numbers beyond 32 bits.
 */
export function parseNpy(bytes: Uint8Array, source: string): IntegerArray {
  const fail = (reason: string): never => {
    throw new InputError(`${source}: not a usable .npy array: ${reason}`);
  };
  const { descr, shape, dataStart } = describeNpy(bytes, fail);
  const type = /^[<|]([biu][1248])$/.exec(descr ?? '')?.[1];
  if (type === undefined || !isElementType(type)) return fail(kindFault(descr));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = shape.reduce((a, b) => a * b, 1);
  const width = ELEMENT_BYTES[type];
  if (count * width !== bytes.length - dataStart)
    return fail(`${shape.join('×')} elements are announced, ${(bytes.length - dataStart) / width} are there`);
  if (type === 'u1') return { shape, data: bytes.subarray(dataStart) };
  const data = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const value = readElement(view, dataStart + index * width, type);
    if (value !== (value | 0)) return fail(`element ${index} is ${value}, too large for 32 bits`);
    data[index] = value;
  }
  return { shape, data };
}

/** An array of floating-point numbers. */
export interface FloatArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * Reads an array of little-endian floating-point numbers of single or double precision in row-major order.
 * @param source its name, for messages
 * @throws InputError when it is something else, cut short, or holds numbers that are not finite.
 */
export function parseNpyFloats(bytes: Uint8Array, source: string): FloatArray {
  const fail = (reason: string): never => {
    throw new InputError(`${source}: not a usable .npy array: ${reason}`);
  };
  const { descr, shape, dataStart } = describeNpy(bytes, fail);
  const width = descr === '<f4' ? 4 : descr === '<f8' ? 8 : undefined;
  if (width === undefined) return fail('its elements are no floating-point numbers of 32 or 64 bits');
  const count = shape.reduce((a, b) => a * b, 1);
  if (count * width !== bytes.length - dataStart)
    return fail(`${shape.join('×')} elements are announced, ${(bytes.length - dataStart) / width} are there`);
  const { buffer } = bytes.slice(dataStart);
  const data = width === 8 ? new Float64Array(buffer) : Float64Array.from(new Float32Array(buffer));
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  return wrong < 0 ? { shape, data } : fail(`element ${wrong} is ${data[wrong]}`);
}

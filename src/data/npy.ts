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

/** One array of bytes in format version 1.0. */
export function encodeNpyBytes(shape: readonly number[], chunks: readonly Uint8Array[]): Uint8Array {
  const size = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const description = `{'descr': '|u1', 'fortran_order': False, 'shape': (${size}), }`;
  const padded = Math.ceil((PREFIX_BYTES + description.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(padded, ' ');
  header.write(`${MAGIC}\x01\x00`, 'latin1');
  header.writeUInt16LE(padded - PREFIX_BYTES, 8);
  header.write(description, PREFIX_BYTES, 'latin1');
  header.write('\n', padded - 1, 'latin1');
  return Buffer.concat([header, ...chunks]);
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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LONG_PREFIX_BYTES || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC)
    return fail('its header is another');
  const version = bytes[6]!;
  if (version < 1 || version > 3) return fail(`its format version ${version} is unknown`);
  const isLong = version >= 2;
  const prefix = isLong ? LONG_PREFIX_BYTES : PREFIX_BYTES;
  const headerBytes = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const dataStart = prefix + headerBytes;
  if (dataStart > bytes.length) return fail('it is cut short');
  if (headerBytes > MAX_HEADER_BYTES) return fail(`its header of ${headerBytes} bytes is too long`);
  const header = Buffer.from(bytes.subarray(prefix, dataStart)).toString('latin1');
  const description = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const type = /^[<|]([biu][1248])$/.exec(description ?? '')?.[1];
  if (type === undefined || !isElementType(type)) return fail(kindFault(description));
  const shapeText = /'shape':\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (shapeText === undefined || !/'fortran_order':\s*False/.test(header))
    return fail('it is not in row-major order; save numpy.ascontiguousarray of it');
  const shape = shapeText.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const count = shape.reduce((a, b) => a * b, 1);
  if (shape.length > MAX_AXES || !Number.isSafeInteger(count)) return fail('its shape is too large');
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

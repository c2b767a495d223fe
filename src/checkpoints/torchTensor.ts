import type { InputError } from '../errors.js';
import { readFileRange } from '../files/fileRange.js';
import {
  readZipMember,
  verifyZipMember,
  type ZipArchive,
  ZipError,
  type ZipMember,
} from '../files/zipArchive.js';
import { countElements } from '../graph/dimension.js';
import { forEachOffset, stridesOf } from '../graph/ndarray.js';
import { BYTES_PER_ELEMENT, type StoredDType, type StoredTensor } from '../graph/weights.js';
import { PickleError, PickleObject, type PickleValue } from './pickleValues.js';

/** Classes of storages in torch by what they hold. */
export const STORAGE_CLASSES: Readonly<Record<StoredDType, string>> = {
  f64: 'DoubleStorage',
  f32: 'FloatStorage',
  f16: 'HalfStorage',
  bf16: 'BFloat16Storage',
  i64: 'LongStorage',
  i32: 'IntStorage',
  i16: 'ShortStorage',
  i8: 'CharStorage',
  u8: 'ByteStorage',
  bool: 'BoolStorage',
};
const STORAGE_DTYPES = new Map(
  Object.entries(STORAGE_CLASSES).map(([dtype, name]) => [`torch.${name}`, dtype as StoredDType]),
);

/** Element type of the storages of a class; undefined for classes that nothing here can read. */
export function storageDType(className: string): StoredDType | undefined {
  return STORAGE_DTYPES.get(className);
}

/** The elements that tensors are views of. */
export class TorchStorage extends PickleObject {
  override readonly kind = 'storage';
  readonly dtype: StoredDType;
  /** Name of the member that holds it. */
  readonly member: string;
  readonly elements: number;

  constructor(dtype: StoredDType, member: string, elements: number) {
    super();
    this.dtype = dtype;
    this.member = member;
    this.elements = elements;
  }
}

/** A tensor as the pickle describes it; the description is checked where the tensor is wanted. */
export class TorchTensor extends PickleObject {
  override readonly kind = 'tensor';
  readonly storage: TorchStorage;
  readonly offset: PickleValue | undefined;
  readonly shape: PickleValue | undefined;
  readonly strides: PickleValue | undefined;

  constructor(
    storage: TorchStorage,
    offset: PickleValue | undefined,
    shape: PickleValue | undefined,
    strides: PickleValue | undefined,
  ) {
    super();
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A tensor that cannot be read, for it is made from what only Python could make. */
export class UnreadableTensor extends PickleObject {
  override readonly kind = 'unreadable tensor';
  readonly origin: string;
  constructor(origin: string) {
    super();
    this.origin = origin;
  }
}

/** PyTorch's own limit. */
const MAX_AXES = 64;
/** Views that repeat elements may be larger than their storage by this much; norms and biases are small. */
const MAX_REPEATED_BYTES = 16 * 2 ** 20;

/** Whether a value is a list of few sizes or offsets. */
export function isSizes(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_AXES &&
    value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  );
}

interface View {
  readonly first: number;
  /** The last element that the view reaches. */
  readonly last: number;
  readonly count: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly contiguous: boolean;
}

/** The tensor's place in its storage. @throws PickleError when it reaches outside, or is absurdly larger. */
function viewOf({ storage, offset, shape, strides }: TorchTensor): View {
  if (!isSizes([offset]) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length)
    throw new PickleError('a tensor has no valid offset, shape or strides');
  const first = offset as number;
  const count = countElements(shape);
  const last =
    count === 0 ? first : first + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  const isInside = count === 0 ? first <= storage.elements : last < storage.elements;
  if (!isInside) throw new PickleError(`a tensor of shape [${shape.join(', ')}] reaches outside its storage`);
  const repeated = (count - storage.elements) * BYTES_PER_ELEMENT[storage.dtype];
  if (!(repeated <= MAX_REPEATED_BYTES))
    throw new PickleError(`a tensor of shape [${shape.join(', ')}] is far larger than its storage`);
  const contiguous =
    count === 0 || stridesOf(shape).every((stride, axis) => shape[axis] === 1 || stride === strides[axis]);
  return { first, last, count, shape, strides, contiguous };
}

/** @throws PickleError when the storage's data is missing or too short. */
function memberOf(archive: ZipArchive, { dtype, member: name, elements }: TorchStorage): ZipMember {
  const member = archive.members.get(name);
  if (!member) throw new PickleError('the data of a tensor storage is missing');
  if (member.compressed)
    throw new PickleError('the data of a tensor storage is compressed, which PyTorch does not do');
  if (elements * BYTES_PER_ELEMENT[dtype] > member.bytes)
    throw new PickleError(`a tensor storage has ${member.bytes} bytes, too few for ${elements} of ${dtype}`);
  return member;
}

/** The elements of a view in row-major order, from the storage's bytes between its first and last. */
function gather({ shape, strides, count }: View, width: number, source: Uint8Array): Uint8Array {
  const result = new Uint8Array(count * width);
  forEachOffset(shape, [strides], ([at], index) => {
    result.set(source.subarray(at! * width, (at! + 1) * width), index * width);
  });
  return result;
}

/** Opens the tensors of one archive. */
export interface TensorReader {
  /**
   * The tensor as stored: contiguous ones are read in place, others element by element. Reading compares the archive's
   * checksum, once for each storage.
   * @throws PickleError when its description does not fit the archive; reading throws InputError.
   */
  open(tensor: TorchTensor): StoredTensor;
}

/** @param fail how what is found wrong while reading is told */
export function createTensorReader(archive: ZipArchive, fail: (error: ZipError) => InputError): TensorReader {
  const verified = new Set<string>();
  const guarded = (read: () => Uint8Array) => () => {
    try {
      return read();
    } catch (error) {
      throw error instanceof ZipError ? fail(error) : error;
    }
  };
  return {
    open(tensor) {
      const view = viewOf(tensor);
      const member = memberOf(archive, tensor.storage);
      const { dtype } = tensor.storage;
      const { first, last, count, shape, contiguous } = view;
      const width = BYTES_PER_ELEMENT[dtype];
      const offset = member.offset + first * width;
      if (contiguous && count * width === member.bytes)
        return {
          dtype,
          shape,
          file: { path: archive.path, offset },
          read: guarded(() => readZipMember(archive, member)),
        };
      const readRange = (elements: number) => {
        if (!verified.has(member.name)) verifyZipMember(archive, member);
        verified.add(member.name);
        return readFileRange(archive.path, offset, elements * width);
      };
      return contiguous
        ? { dtype, shape, file: { path: archive.path, offset }, read: guarded(() => readRange(count)) }
        : { dtype, shape, read: guarded(() => gather(view, width, readRange(last - first + 1))) };
    },
  };
}

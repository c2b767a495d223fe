import { resolve } from 'node:path';
import yauzl from 'yauzl';
import { InputError, systemReason } from '../errors.js';
import { countElements } from '../graph/dimension.js';
import { forEachOffset, stridesOf } from '../graph/ndarray.js';
import { BYTES_PER_ELEMENT, type StoredDType, type StoredTensor, type Weights } from '../graph/weights.js';
import { readFileRange } from '../files/fileRange.js';
import {
  type PickleDict,
  PickleError,
  PickleGlobal,
  PickleObject,
  type PickleValue,
  unpickle,
} from './unpickle.js';

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
const STORAGE_DTYPES: Readonly<Record<string, StoredDType>> = Object.fromEntries(
  Object.entries(STORAGE_CLASSES).map(([dtype, name]) => [`torch.${name}`, dtype as StoredDType]),
);

const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const ORDERED_DICT = 'collections.OrderedDict';
const NAMESPACE = 'argparse.Namespace';
const SIZE = 'torch.Size';

/** Every Python name that may appear in a checkpoint; none of them is ever run. */
const ALLOWED_GLOBALS: ReadonlySet<string> = new Set([
  ...Object.keys(STORAGE_DTYPES),
  REBUILD_TENSOR,
  REBUILD_PARAMETER,
  ORDERED_DICT,
  NAMESPACE,
  SIZE,
]);

/** Where a state dict may lie in a checkpoint, the first found wins. */
const STATE_DICT_KEYS = ['model', 'module', 'state_dict', 'ema'] as const;

/** Prefixes that wrappers put before every name. */
const WRAPPER_PREFIXES = ['module.', '_orig_mod.'] as const;

/** The first byte of files from before the zip format. */
const PICKLE_START = 0x80;

/** The pickle is held in memory, unlike the tensors. */
const MAX_PICKLE_BYTES = 256 * 1024 * 1024;

interface Storage {
  readonly dtype: StoredDType;
  readonly elements: number;
  readonly offset: number;
}

interface ArchiveMember {
  readonly offset: number;
  readonly bytes: number;
}

/** The tensors of a checkpoint and where in it they were. */
export interface PytorchCheckpoint {
  readonly tensors: Weights;
  /** The key that held the state dict; undefined when the checkpoint is the state dict. */
  readonly key: string | undefined;
}

async function listMembers(path: string): Promise<ReadonlyMap<string, ArchiveMember>> {
  const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
  try {
    const members = new Map<string, ArchiveMember>();
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize)
        throw new PickleError(`its member '${entry.fileName}' is compressed, which PyTorch does not do`);
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      members.set(entry.fileName, { offset: fileDataStart, bytes: entry.uncompressedSize });
    }
    return members;
  } finally {
    zip.close();
  }
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

/** A tensor as a view of a storage: contiguous ones are read in place, others element by element. */
function viewOfStorage(path: string, storage: Storage, args: readonly PickleValue[]): StoredTensor {
  const [, start, shape, strides] = args;
  if (!isSizes([start]) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length)
    throw new PickleError('a tensor has no valid offset, shape or strides');
  const first = start as number;
  const count = countElements(shape);
  const last =
    count === 0 ? first : first + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  if (count > storage.elements || last >= Math.max(storage.elements, 1) || first > storage.elements)
    throw new PickleError(`a tensor of shape [${shape.join(', ')}] reaches outside its storage`);
  const width = BYTES_PER_ELEMENT[storage.dtype];
  const contiguous = stridesOf(shape).every((stride, axis) => shape[axis] === 1 || stride === strides[axis]);
  const offset = storage.offset + first * width;
  if (contiguous || count === 0) {
    const file = { path, offset };
    return { dtype: storage.dtype, shape, file, read: () => readFileRange(path, offset, count * width) };
  }
  return {
    dtype: storage.dtype,
    shape,
    read() {
      const source = readFileRange(path, offset, (last - first + 1) * width);
      const result = new Uint8Array(count * width);
      forEachOffset(shape, [strides], ([at], index) => {
        result.set(source.subarray(at! * width, (at! + 1) * width), index * width);
      });
      return result;
    },
  };
}

function storageOf(id: PickleValue, folder: string, members: ReadonlyMap<string, ArchiveMember>): Storage {
  const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
  const dtype = type instanceof PickleGlobal ? STORAGE_DTYPES[type.name] : undefined;
  if (kind !== 'storage' || !dtype || typeof key !== 'string' || !isSizes([elements]))
    throw new PickleError('a tensor storage is described in an unknown way');
  const member = members.get(`${folder}/data/${key}`);
  if (!member) throw new PickleError(`the data of tensor storage '${key}' is missing`);
  const count = elements as number;
  if (count * BYTES_PER_ELEMENT[dtype] > member.bytes)
    throw new PickleError(
      `tensor storage '${key}' has ${member.bytes} bytes, too few for ${count} of ${dtype}`,
    );
  return { dtype, elements: count, offset: member.offset };
}

function callGlobal(path: string, name: string, args: readonly PickleValue[]): PickleValue {
  const fail = () => new PickleError(`'${name}' is used in an unknown way`);
  switch (name) {
    case ORDERED_DICT: {
      const [pairs = []] = args;
      if (!Array.isArray(pairs)) throw fail();
      return new Map(
        pairs.map((pair) => (Array.isArray(pair) ? [pair[0] ?? null, pair[1] ?? null] : [pair, null])),
      );
    }
    case NAMESPACE:
      return new PickleObject(new Map());
    case SIZE:
      return Array.isArray(args[0]) ? args[0] : [];
    case REBUILD_PARAMETER:
      if (!isTensor(args[0])) throw fail();
      return args[0];
    case REBUILD_TENSOR: {
      const [storage] = args;
      if (!(storage instanceof PickleObject)) throw fail();
      return new PickleObject(viewOfStorage(path, storage.value as Storage, args));
    }
    default:
      throw fail();
  }
}

function isTensor(value: PickleValue | undefined): value is PickleObject & { readonly value: StoredTensor } {
  return (
    value instanceof PickleObject &&
    typeof value.value === 'object' &&
    value.value !== null &&
    'read' in value.value
  );
}

function tensorsIn(dict: PickleDict): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of dict)
    if (typeof name === 'string' && isTensor(value)) tensors.set(name, value.value);
  return tensors;
}

function findStateDict(root: PickleValue): PytorchCheckpoint {
  if (!(root instanceof Map)) throw new PickleError('it holds no dictionary of tensors');
  const bare = tensorsIn(root);
  if (bare.size > 0) return { tensors: bare, key: undefined };
  for (const key of STATE_DICT_KEYS) {
    const candidate = root.get(key);
    const tensors = candidate instanceof Map ? tensorsIn(candidate) : new Map<string, StoredTensor>();
    if (tensors.size > 0) return { tensors, key };
  }
  const keys = [...root.keys()].map((key) => `'${String(key)}'`).join(', ');
  throw new PickleError(
    `it holds no tensors under ${STATE_DICT_KEYS.map((key) => `'${key}'`).join(', ')}; its keys are ${keys}`,
  );
}

function withoutWrapperPrefix(tensors: Weights): Weights {
  const names = [...tensors.keys()];
  const prefix = WRAPPER_PREFIXES.find((candidate) => names.every((name) => name.startsWith(candidate)));
  if (prefix === undefined) return tensors;
  return withoutWrapperPrefix(
    new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])),
  );
}

/**
 * Opens what `torch.save` wrote (PyTorch 1.6 or later): the tensors of the state dict, whose elements stay in the
 * file until they are read. No code in the file runs.
 * @throws InputError naming the file and what is wrong with it.
 */
export async function openPytorch(givenPath: string): Promise<PytorchCheckpoint> {
  const path = resolve(givenPath);
  try {
    const members = await listMembers(path);
    const pickleName = [...members.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
    if (pickleName === undefined) throw new PickleError('it is a zip archive without data.pkl');
    const folder = pickleName.slice(0, pickleName.indexOf('/'));
    const order = members.get(`${folder}/byteorder`);
    if (order && Buffer.from(readFileRange(path, order.offset, order.bytes)).toString() === 'big')
      throw new PickleError('it was written on a big-endian machine');
    const pickle = members.get(pickleName)!;
    if (pickle.bytes > MAX_PICKLE_BYTES)
      throw new PickleError(`its data.pkl of ${pickle.bytes} bytes is too large`);
    const root = unpickle(readFileRange(path, pickle.offset, pickle.bytes), {
      allowGlobal: (name) => ALLOWED_GLOBALS.has(name),
      call: (name, args) => callGlobal(path, name, args),
      resolvePersistent: (id) => new PickleObject(storageOf(id, folder, members)),
    });
    const { tensors, key } = findStateDict(root);
    return { tensors: withoutWrapperPrefix(tensors), key };
  } catch (error) {
    throw describeFailure(givenPath, error);
  }
}

function describeFailure(path: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  if (error instanceof PickleError)
    return new InputError(`${path}: not a usable PyTorch checkpoint: ${error.message}`, error);
  if ((error as NodeJS.ErrnoException).code !== undefined)
    return new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  const legacy = readFileRange(resolve(path), 0, 1)[0] === PICKLE_START;
  const reason = legacy
    ? 'it is in the format from before PyTorch 1.6; load it in PyTorch and save it again'
    : `the zip archive is damaged (${(error as Error).message}); copy or download it again`;
  return new InputError(`${path}: not a usable PyTorch checkpoint: ${reason}`, error);
}

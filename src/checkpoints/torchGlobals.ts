import {
  OpaqueObject,
  type PickleDict,
  PickleError,
  PickleGlobal,
  type PickleObject,
  type PickleValue,
} from './pickleValues.js';
import { isSizes, storageDType, TorchStorage, TorchTensor, UnreadableTensor } from './torchTensor.js';

/** Classes of dictionaries. */
const DICTIONARIES: ReadonlySet<string> = new Set([
  'collections.OrderedDict',
  'collections.defaultdict',
  'builtins.dict',
  '__builtin__.dict',
]);

/** The dictionary that a list of pairs makes. */
function dictionaryOf(pairs: readonly PickleValue[]): PickleDict {
  const dict: PickleDict = new Map();
  for (const pair of pairs) if (Array.isArray(pair) && pair.length === 2) dict.set(pair[0]!, pair[1]!);
  return dict;
}

function rebuildTensor(name: string, args: readonly PickleValue[]): PickleValue {
  const [storage, offset, shape, strides] = args;
  if (storage instanceof TorchStorage) return new TorchTensor(storage, offset, shape, strides);
  if (storage instanceof OpaqueObject) return new UnreadableTensor(storage.origin);
  throw new PickleError(`'${name}' is given something else than a tensor's storage`);
}

/** A parameter is its tensor. */
function unwrap(name: string, tensor: PickleValue | undefined): PickleValue {
  if (tensor instanceof TorchTensor || tensor instanceof UnreadableTensor) return tensor;
  if (tensor instanceof OpaqueObject) return new UnreadableTensor(tensor.origin);
  throw new PickleError(`'${name}' is given something else than a tensor`);
}

/**
 * What calling a Python name means in a checkpoint: dictionaries, sizes and tensors are understood, everything else is
 * opaque, for nothing is executed.
 * @throws PickleError when tensors are made of something that is none.
 */
export function callTorchGlobal(name: string, args: readonly PickleValue[]): PickleValue {
  if (DICTIONARIES.has(name)) {
    // A default dictionary is given its factory first.
    const pairs = args.slice(0, 2).find(Array.isArray);
    return dictionaryOf(pairs ?? []);
  }
  switch (name) {
    case 'torch.Size':
      return Array.isArray(args[0]) ? args[0] : [];
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return unwrap(name, args[0]);
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
      return rebuildTensor(name, args);
    case 'torch._tensor._rebuild_from_type_v2': {
      // A tensor of a class of its own: how it is made, the class, and what it is made from.
      const [make, , from] = args;
      return make instanceof PickleGlobal && make.name !== name && Array.isArray(from)
        ? callTorchGlobal(make.name, from)
        : new OpaqueObject(name);
    }
    default:
      return isTensorMaker(name) ? new UnreadableTensor(name) : new OpaqueObject(name);
  }
}

/** Whether a function makes tensors of a kind that nothing here can read, such as quantized or sparse ones. */
function isTensorMaker(name: string): boolean {
  return /^torch\._utils\._rebuild_\w*tensor/.test(name);
}

/**
 * What a persistent reference stands for: a storage, opaque when its elements are of a type that cannot be read.
 * @param folder where in the archive the pickle lies
 * @throws PickleError when it is no reference as `torch.save` writes it.
 */
export function torchStorage(id: PickleValue, folder: string): PickleObject | OpaqueObject {
  const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
  if (
    kind !== 'storage' ||
    !(type instanceof PickleGlobal) ||
    typeof key !== 'string' ||
    !isSizes([elements])
  )
    throw new PickleError('a tensor storage is described in an unknown way');
  const dtype = storageDType(type.name);
  if (!dtype) return new OpaqueObject(type.name);
  return new TorchStorage(dtype, `${folder}/data/${key}`, elements as number);
}

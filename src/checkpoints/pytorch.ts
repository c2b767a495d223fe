import { resolve } from 'node:path';
import { InputError, quotable } from '../errors.js';
import { readFileRange, regularFileSize } from '../files/fileRange.js';
import { openZip, readZipMember, type ZipArchive, ZipError } from '../files/zipArchive.js';
import type { Checkpoint, TensorDictionary } from './checkpoint.js';
import { EXPORT_METADATA_KEYS } from './metadataKeys.js';
import { itemsOf, OpaqueObject, PickleError, type PickleValue } from './pickleValues.js';
import { describeContent, findStateDicts, type TorchStateDict } from './stateDicts.js';
import { callTorchGlobal, torchStorage } from './torchGlobals.js';
import { createTensorReader, type TensorReader, TorchTensor } from './torchTensor.js';
import { unpickle } from './unpickle.js';

/** The first byte of files from before the zip format. */
const PICKLE_START = 0x80;

/** The pickle is held in memory, unlike the tensors. */
const MAX_PICKLE_BYTES = 256 * 2 ** 20;

/** The one value that an archive of `torch.save` holds. */
function unpickleArchive(archive: ZipArchive): PickleValue {
  const pickle = [...archive.members.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (!pickle) throw new PickleError('it is a zip archive without data.pkl');
  const folder = pickle.name.slice(0, pickle.name.indexOf('/'));
  const order = archive.members.get(`${folder}/byteorder`);
  if (order && Buffer.from(readZipMember(archive, order)).toString() === 'big')
    throw new PickleError('it was written on a big-endian machine');
  if (pickle.bytes > MAX_PICKLE_BYTES)
    throw new PickleError(`its data.pkl of ${pickle.bytes} bytes is too large`);
  return unpickle(readZipMember(archive, pickle), {
    call: callTorchGlobal,
    resolvePersistent: (id) => torchStorage(id, folder),
  });
}

function dictionaryOf(dict: TorchStateDict, reader: TensorReader, fail: Fail): TensorDictionary {
  const isTensor = ([, value]: readonly [string, unknown]) => !(value instanceof OpaqueObject);
  return {
    names: new Set([...dict].filter(isTensor).map(([name]) => name)),
    tensor(name) {
      const value = dict.get(name);
      if (value === undefined) return undefined;
      try {
        if (value instanceof TorchTensor) return reader.open(value);
        throw new PickleError(
          `it depends on '${quotable(value.origin)}', which only Python can make; save the plain tensors alone`,
        );
      } catch (error) {
        if (!(error instanceof PickleError)) throw error;
        throw fail(`tensor '${quotable(name)}': ${error.message}`, error);
      }
    },
  };
}

/** What the file says about itself, if it is one of ours. */
function metadataOf(root: PickleValue): Readonly<Record<string, string>> {
  const items = itemsOf(root);
  return Object.fromEntries(
    EXPORT_METADATA_KEYS.flatMap((key) => {
      const value = items?.get(key);
      return typeof value === 'string' ? [[key, value]] : [];
    }),
  );
}

type Fail = (reason: string, cause: unknown) => InputError;

/**
 * Opens what `torch.save` wrote (PyTorch 1.6 or later). No code in the file runs; objects that only Python could make
 * are errors where a tensor depends on them, and nowhere else.
 * @throws InputError naming the file and what is wrong with it.
 */
export async function openPytorch(givenPath: string): Promise<Checkpoint> {
  const fail: Fail = (reason, cause) =>
    new InputError(`${givenPath}: not a usable PyTorch checkpoint: ${reason}`, cause);
  regularFileSize(givenPath);
  const path = resolve(givenPath);
  try {
    const archive = await openZip(path);
    const root = unpickleArchive(archive);
    const stateDicts = findStateDicts(root);
    if (stateDicts.size === 0)
      throw new PickleError(`it holds no dictionary of tensors; ${describeContent(root)}`);
    const reader = createTensorReader(archive, (error) => fail(error.message, error));
    return {
      dictionaries: new Map([...stateDicts].map(([key, dict]) => [key, dictionaryOf(dict, reader, fail)])),
      metadata: metadataOf(root),
    };
  } catch (error) {
    if (error instanceof PickleError) throw fail(error.message, error);
    if (!(error instanceof ZipError)) throw error;
    const legacy = readFileRange(path, 0, 1)[0] === PICKLE_START;
    const reason = legacy
      ? 'it is in the format from before PyTorch 1.6; load it in PyTorch and save it again'
      : error.message;
    throw fail(reason, error);
  }
}

import { dirname, join } from 'node:path';
import { InputError, quotable } from '../errors.js';
import { isRecord } from '../files/jsonText.js';
import { readJsonFile } from '../jsonFile.js';
import type { Checkpoint, TensorDictionary } from './checkpoint.js';
import { dictionaryOfWeights } from './checkpoint.js';
import { fileKindOf } from './fileKind.js';
import { openPytorch } from './pytorch.js';
import { openSafetensors } from './safetensors.js';

/** Models of some hundred billion parameters come in fewer files. */
const MAX_SHARDS = 1000;

/**
 * Opens a file of weights for what it is, whatever its name: safetensors, what `torch.save` wrote, or the index of a
 * model that comes in several files.
 * @throws InputError naming the file and what it is instead, or what is wrong with it.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const kind = fileKindOf(path);
  if ('foreign' in kind) throw new InputError(`${path}: it is ${kind.foreign}`);
  switch (kind.weights) {
    case 'zip':
      return openPytorch(path);
    case 'safetensors': {
      const { tensors, metadata } = openSafetensors(path);
      return { dictionaries: new Map([['', dictionaryOfWeights(tensors)]]), metadata };
    }
    case 'index':
      return openShards(path);
  }
}

/** Whether a name is that of a file in the index's own folder. */
function isFileName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
}

/** The file that each tensor lies in. */
function readWeightMap(path: string): ReadonlyMap<string, string> {
  const index = readJsonFile(path);
  if (!isRecord(index) || !isRecord(index.weight_map))
    throw new InputError(
      `${path}: it is a JSON file, not weights, and not the index of weights in several files`,
    );
  return new Map(
    Object.entries(index.weight_map).map(([name, file]) => {
      if (!isFileName(file))
        throw new InputError(
          `${path}: it puts tensor '${quotable(name)}' into ${quotable(JSON.stringify(file))}, which is no file name`,
        );
      return [name, file];
    }),
  );
}

/** The dictionary of a shard that holds the tensors which the index puts there. */
function shardDictionary(
  { dictionaries }: Checkpoint,
  names: readonly string[],
  shard: string,
): TensorDictionary {
  const lacking = (dictionary: TensorDictionary) => names.filter((name) => !dictionary.names.has(name));
  const [nearest] = [...dictionaries.values()].sort((a, b) => lacking(a).length - lacking(b).length);
  const [missing] = nearest ? lacking(nearest) : names;
  if (missing !== undefined)
    throw new InputError(
      `${shard}: the index puts tensor '${quotable(missing)}' there, but it does not hold it`,
    );
  return nearest!;
}

async function openShards(path: string): Promise<Checkpoint> {
  const weightMap = readWeightMap(path);
  const namesOf = new Map<string, string[]>();
  for (const [name, file] of weightMap) {
    const names = namesOf.get(file) ?? [];
    names.push(name);
    namesOf.set(file, names);
  }
  if (namesOf.size > MAX_SHARDS) throw new InputError(`${path}: it names ${namesOf.size} files`);
  const shards = new Map<string, TensorDictionary>();
  for (const [file, names] of namesOf) {
    const shard = join(dirname(path), file);
    const kind = fileKindOf(shard);
    if ('weights' in kind && kind.weights === 'index')
      throw new InputError(`${shard}: it is a JSON file, though ${path} says that weights lie there`);
    shards.set(file, shardDictionary(await openCheckpoint(shard), names, shard));
  }
  const dictionary: TensorDictionary = {
    names: new Set(weightMap.keys()),
    tensor: (name) => shards.get(weightMap.get(name) ?? '')?.tensor(name),
  };
  return { dictionaries: new Map([['', dictionary]]), metadata: {} };
}

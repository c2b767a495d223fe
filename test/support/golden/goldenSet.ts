import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { TensorDictionary } from '../../../src/checkpoints/checkpoint.js';
import { openCheckpoint } from '../../../src/checkpoints/openCheckpoint.js';
import { openSafetensors } from '../../../src/checkpoints/safetensors.js';
import { InputError, quotable } from '../../../src/errors.js';
import { isRecord } from '../../../src/files/jsonText.js';
import { readFloats, type StoredTensor, type Weights } from '../../../src/graph/weights.js';
import { readJsonFile } from '../../../src/jsonFile.js';
import { floatTensor, type HostTensor, intTensor } from '../../../src/targets/target.js';

type Fields = Readonly<Record<string, unknown>>;

/** One configuration of a set's weights. */
export interface Configuration {
  /** What its keys start with: nothing, or `<id>.` in variants. */
  readonly prefix: string;
  readonly fields: Fields;
  /** Its generation cases as the json has them. */
  readonly cases: readonly unknown[];
}

/** Reference numbers of another implementation, with the weights and configurations that they are of. */
export interface GoldenSet {
  /** The file name without extension. */
  readonly name: string;
  /** What it is of: the name without its last `-…`. */
  readonly kind: string;
  /** Path of the json, for messages. */
  readonly source: string;
  /** The set's own configuration, then the variants. */
  readonly configurations: readonly [Configuration, ...Configuration[]];
  readonly weights: TensorDictionary;
  /** The same weights as a PyTorch file, where they come as both. */
  readonly twin?: TensorDictionary;
  readonly numbers: Weights;
}

const listOf = (value: unknown, what: string, source: string): readonly unknown[] => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new InputError(`${source}: '${what}' is not a list`);
  return value;
};

/** What a json declares: its fields stand under `config` or at the top, those of variants override them. */
function configurationsOf(json: unknown, source: string): GoldenSet['configurations'] {
  if (!isRecord(json)) throw new InputError(`${source}: not a JSON object`);
  const { cases, variants, config, ...top } = json;
  if (config !== undefined && !isRecord(config)) throw new InputError(`${source}: 'config' is not an object`);
  const fields = config ?? top;
  const further = listOf(variants, 'variants', source).map((variant): Configuration => {
    if (!isRecord(variant) || typeof variant.id !== 'string')
      throw new InputError(`${source}: a variant has no 'id' of letters`);
    const { id, cases: own, config: overrides, ...rest } = variant;
    return {
      prefix: `${id}.`,
      fields: { ...fields, ...(isRecord(overrides) ? overrides : rest) },
      cases: listOf(own, 'cases', source),
    };
  });
  return [{ prefix: '', fields, cases: listOf(cases, 'cases', source) }, ...further];
}

/** Kinds of sets without weights. */
const WEIGHTLESS = new Set(['eval']);
const NO_WEIGHTS: TensorDictionary = { names: new Set(), tensor: () => undefined };

/** What a set is of: its name without its last `-…`. */
const kindOf = (name: string): string => name.replace(/-[^-]*$/, '');

/** The dictionary of a weights file, which for PyTorch lies under the key `model`. */
async function openWeights(path: string): Promise<TensorDictionary> {
  const { dictionaries } = await openCheckpoint(path);
  const dictionary = dictionaries.get('model') ?? [...dictionaries.values()][0];
  if (!dictionary) throw new InputError(`${path}: it holds no tensors`);
  return dictionary;
}

/**
 * Opens a set.
 * @param path without extension
 * @throws InputError naming the file that is missing or wrong.
 */
export async function openGoldenSet(path: string): Promise<GoldenSet> {
  const source = `${path}.json`;
  const name = basename(path);
  const json = readJsonFile(source);
  const [stored, pickled] = [`${path}.safetensors`, `${path}.pt`];
  const hasPickled = existsSync(pickled);
  const isTwin = hasPickled && existsSync(stored);
  // Sets of formulas have none.
  const hasWeights = hasPickled || existsSync(stored) || !WEIGHTLESS.has(kindOf(name));
  const { tensors: numbers } = openSafetensors(`${path}.expected.safetensors`);
  if (numbers.size === 0) throw new InputError(`${path}.expected.safetensors: it holds no numbers`);
  return {
    name,
    kind: kindOf(name),
    source,
    configurations: configurationsOf(json, source),
    weights: hasWeights ? await openWeights(hasPickled && !isTwin ? pickled : stored) : NO_WEIGHTS,
    ...(isTwin && { twin: await openWeights(pickled) }),
    numbers,
  };
}

/** Reads a tensor in double precision. */
export function readDoubles({ dtype, shape, read }: StoredTensor): Float64Array {
  const { buffer } = read().slice();
  if (dtype === 'f64') return new Float64Array(buffer);
  if (dtype === 'i64') return Float64Array.from(new BigInt64Array(buffer), Number);
  return Float64Array.from(readFloats({ dtype, shape, read }));
}

/** Reads a tensor: floats as f32, integers as i32. @throws InputError for integers that i32 does not hold. */
export function readNumbers({ dtype, shape, read }: StoredTensor, name: string): HostTensor {
  const elements = (): ArrayLike<number> => {
    // A copy lies at the start of its buffer, so that it can be seen as any kind of element.
    const { buffer } = read().slice();
    switch (dtype) {
      case 'i64':
        return Float64Array.from(new BigInt64Array(buffer), Number);
      case 'i32':
        return new Int32Array(buffer);
      case 'i16':
        return new Int16Array(buffer);
      case 'i8':
        return new Int8Array(buffer);
      default:
        return new Uint8Array(buffer);
    }
  };
  switch (dtype) {
    case 'f64':
    case 'f32':
    case 'f16':
    case 'bf16':
      return floatTensor(shape, readFloats({ dtype, shape, read }));
    default: {
      const values = elements();
      const data = Int32Array.from(values);
      if (data.some((value, index) => value !== values[index]))
        throw new InputError(`tensor '${quotable(name)}' holds integers beyond 32 bits`);
      return intTensor(shape, data);
    }
  }
}

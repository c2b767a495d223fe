import type { StoredTensor, Weights } from '../graph/weights.js';

/** Tensors by their names. */
export interface TensorDictionary {
  /** The names of its tensors. */
  readonly names: ReadonlySet<string>;
  /**
   * One of the tensors; undefined when there is none of that name.
   * @throws InputError naming the file and the tensor when it is damaged or of a kind that cannot be read.
   */
  tensor(name: string): StoredTensor | undefined;
}

/** What a weights file holds. The tensors' elements stay in the file until they are read. */
export interface Checkpoint {
  /** The dictionaries of tensors by where they lie, with dots between keys; the outermost is ``. */
  readonly dictionaries: ReadonlyMap<string, TensorDictionary>;
  /** What the file says about itself. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Tensors that are all known to be in order. */
export function dictionaryOfWeights(weights: Weights): TensorDictionary {
  return { names: new Set(weights.keys()), tensor: (name) => weights.get(name) };
}

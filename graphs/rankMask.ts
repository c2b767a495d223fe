import { constant, lessOrEqual, reshape, type Tensor } from '../src/dsl/index.js';

/**
 * A mask by rank: an entry sees those of its own rank and of lower ones.
 * @param ranks whole numbers, one for each entry
 * @returns bool `[entries, entries]`, a row for each query
 */
export function rankMask(ranks: readonly number[]): Tensor {
  const count = ranks.length;
  const values = constant('i32', [count], ranks);
  return lessOrEqual(reshape(values, [1, count]), reshape(values, [count, 1]));
}

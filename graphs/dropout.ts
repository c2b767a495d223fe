import {
  cast,
  concat,
  constant,
  lessOrEqual,
  multiply,
  randomUniform,
  scope,
  type Tensor,
  wordHalves,
} from '../src/dsl/index.js';

/** Drops elements of a tensor while training; each call drops others. */
export type Dropout = (x: Tensor) => Tensor;

export const NO_DROPOUT: Dropout = (x) => x;

/**
 * Sets a share of the elements to zero and scales the others up to keep the mean (Srivastava et al., 2014). Which ones
 * is decided by Philox under the key, so that a step can be repeated exactly.
 * @param rate from 0 to below 1
 * @param key i32 `[4]`: the halves of two words (`wordHalves`), such as the seed and the step
 */
export function keyedDropout(rate: number, key: Tensor): Dropout {
  if (rate === 0) return NO_DROPOUT;
  let calls = 0;
  return (x) => {
    const call = calls++;
    return scope('dropout', () => {
      const ownKey = concat([key, constant('i32', [4], wordHalves([call, 0]))], 0);
      const kept = cast(lessOrEqual(rate, randomUniform(ownKey, x.shape)), 'f32');
      return multiply(x, multiply(kept, 1 / (1 - rate)));
    });
  };
}

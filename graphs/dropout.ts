import {
  cast,
  concat,
  constant,
  lessOrEqual,
  multiply,
  randomUniform,
  scope,
  type Shape,
  type Tensor,
  wordHalves,
} from '../src/dsl/index.js';

/** Drops elements of a tensor while training; each call drops others. */
export type Dropout = (x: Tensor) => Tensor;

export const NO_DROPOUT: Dropout = (x) => x;

/** Draws for each element of a shape whether it is kept, and scales those that are up to keep the mean. */
function keptElements(rate: number, key: Tensor, call: number, shape: Shape): Tensor {
  const ownKey = concat([key, constant('i32', [4], wordHalves([call, 0]))], 0);
  return multiply(cast(lessOrEqual(rate, randomUniform(ownKey, shape)), 'f32'), 1 / (1 - rate));
}

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
    return scope('dropout', () => multiply(x, keptElements(rate, key, call, x.shape)));
  };
}

/**
 * Stochastic depth (Huang et al., 2016): what a layer adds is set to zero for a share of the pictures, and scaled up for the
 * others. Of each layer an own one; tensors have the batch as their first axis.
 * @param rates of the layers, each from 0 to below 1
 * @param key as of `keyedDropout`
 */
export function keyedDropPaths(rates: readonly number[], key: Tensor): readonly Dropout[] {
  let calls = 0;
  return rates.map((rate): Dropout => {
    if (rate === 0) return NO_DROPOUT;
    return (x) => {
      const call = calls++;
      const shape = [x.shape[0]!, ...x.shape.slice(1).map(() => 1)];
      return scope('drop_path', () => multiply(x, keptElements(rate, key, call, shape)));
    };
  });
}

import { broadcastTo, constant, type Dim, type Tensor } from '../src/dsl/index.js';

/** The same list for each picture of a batch: `[batch, list]` */
export function sameForAll(dtype: 'i32' | 'f32', batch: Dim, list: readonly number[]): Tensor {
  return broadcastTo(constant(dtype, [1, list.length], list), [batch, list.length]);
}

import { type NdArray, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType } from '../src/graph/shapes.js';
import { absolute } from './absolute.js';
import { divide } from './divide.js';
import { floor } from './floor.js';
import { maximum } from './maximum.js';
import { multiply } from './multiply.js';
import { add } from './add.js';
import { reduceMax } from './reduceMax.js';

/** The largest of the whole numbers. */
export const LARGEST = 127;
/** Stands in for the largest magnitude of a row of zeros. */
export const LEAST_MAGNITUDE = 1e-30;

/** The whole number nearest to a value; of two, the even one. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** What the operation gives, computed in float64. */
export function quantizedRows(x: NdArray): NdArray {
  const result = zeros('f32', x.shape);
  const columns = x.shape.at(-1)!;
  for (let start = 0; start < x.data.length; start += columns) {
    let largest = LEAST_MAGNITUDE;
    for (let i = 0; i < columns; i++) largest = Math.max(largest, Math.abs(x.data[start + i]!));
    const step = largest / LARGEST;
    for (let i = 0; i < columns; i++)
      result.data[start + i] = roundHalfToEven(x.data[start + i]! / step) * step;
  }
  return result;
}

const quantizeRowsOp = defineOp<Record<string, never>>({
  name: 'quantizeRows',
  infer([x]) {
    requireDType([x!], 'f32');
    if (x!.shape.length === 0) throw new RangeError('a number alone has no rows');
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference: ([x]) => [quantizedRows(x!)],
  decompose([x]) {
    const step = multiply(
      maximum(reduceMax(absolute(x!), { axes: [-1], keepDims: true }), LEAST_MAGNITUDE),
      1 / LARGEST,
    );
    return [multiply(floor(add(divide(x!, step), 0.5)), step)];
  },
  rowAxes: () => 1,
});

/**
 * Each row of the last axis as whole numbers from −127 to 127 times a scale of its own, 1/127 of its largest magnitude:
 * what a product in 8 bits knows of its left operand. A row does not depend on others, so neither does a picture on its
 * batch.
 */
export function quantizeRows(x: Tensor): Tensor {
  return apply(quantizeRowsOp, [x], {});
}

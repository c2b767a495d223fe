import { maximum, multiply, rsqrt, sum, type Tensor } from '../src/dsl/index.js';

/** The smallest squared length that normalisation divides by (1e-12 as a length). */
const MIN_SQUARED_LENGTH = 1e-24;

/** Scales vectors along the last axis to length 1. */
export function unitLength(x: Tensor): Tensor {
  const squaredLength = sum(multiply(x, x), { axes: [-1], keepDims: true });
  return multiply(x, rsqrt(maximum(squaredLength, MIN_SQUARED_LENGTH)));
}

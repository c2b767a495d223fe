import { defineUnary } from './families/elementwise.js';

/** Element-wise 1/x. */
export const reciprocal = defineUnary({
  name: 'reciprocal',
  compute: (x) => 1 / x,
  onnx: 'Reciprocal',
  gpu: (x) => `(1 / ${x})`,
  derivative: (_, y, ops) => ops.negate(ops.multiply(y, y)),
});

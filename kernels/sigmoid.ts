import { defineUnary } from './families/elementwise.js';

/** Element-wise 1/(1 + e⁻ˣ). */
export const sigmoid = defineUnary({
  name: 'sigmoid',
  compute: (x) => 1 / (1 + Math.exp(-x)),
  onnx: 'Sigmoid',
  gpu: (x) => `(1 / (1 + Math.exp(-${x})))`,
  derivative: (_, y, ops) => ops.multiply(y, ops.subtract(1, y)),
});

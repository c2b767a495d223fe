import { defineUnary } from './families/elementwise.js';

/** Element-wise 1/(1 + e⁻ˣ). */
export const sigmoid = defineUnary({
  name: 'sigmoid',
  compute: (x) => 1 / (1 + Math.exp(-x)),
  onnx: 'Sigmoid',
  gpu: (x) => `(1 / (1 + Math.exp(-${x})))`,
});

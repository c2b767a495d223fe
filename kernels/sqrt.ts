import { defineUnary } from './families/elementwise.js';

/** Element-wise square root; NaN below 0. */
export const sqrt = defineUnary({
  name: 'sqrt',
  compute: Math.sqrt,
  onnx: 'Sqrt',
  gpu: (x) => `Math.sqrt(${x})`,
  derivative: (_, y, ops) => ops.divide(0.5, y),
});

import { defineUnary } from './families/elementwise.js';

/** Element-wise max(x, 0). */
export const relu = defineUnary({
  name: 'relu',
  compute: (x) => Math.max(x, 0),
  onnx: 'Relu',
  gpu: (x) => `Math.max(${x}, 0)`,
  derivative: (x, _, ops) => ops.cast(ops.greater(x, 0), 'f32'),
});

import { defineUnary } from './families/elementwise.js';

/** Element-wise hyperbolic tangent. */
export const tanh = defineUnary({
  name: 'tanh',
  compute: Math.tanh,
  onnx: 'Tanh',
  gpu: (x) => `Math.tanh(Math.max(-20, Math.min(20, ${x})))`,
  derivative: (_, y, ops) => ops.subtract(1, ops.multiply(y, y)),
});

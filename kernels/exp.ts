import { defineUnary } from './families/elementwise.js';

/** Element-wise eˣ. */
export const exp = defineUnary({
  name: 'exp',
  compute: Math.exp,
  onnx: 'Exp',
  gpu: (x) => `Math.exp(${x})`,
  derivative: (_, y) => y,
});

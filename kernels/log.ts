import { defineUnary } from './families/elementwise.js';

/** Element-wise natural logarithm; −∞ at 0, NaN below. */
export const log = defineUnary({
  name: 'log',
  compute: Math.log,
  onnx: 'Log',
  gpu: (x) => `Math.log(${x})`,
  derivative: (x, _, ops) => ops.reciprocal(x),
});

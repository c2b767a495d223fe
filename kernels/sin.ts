import { sinExpression } from './families/trigonometry.js';
import { defineUnary } from './families/elementwise.js';

/** Element-wise sine of radians. */
export const sin = defineUnary({
  name: 'sin',
  compute: Math.sin,
  onnx: 'Sin',
  gpu: (x, name) => sinExpression(x, name),
  derivative: (x, _, ops) => ops.cos(x),
});

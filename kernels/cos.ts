import { sinExpression } from './families/trigonometry.js';
import { defineUnary } from './families/elementwise.js';

/** Element-wise cosine of radians. */
export const cos = defineUnary({
  name: 'cos',
  compute: Math.cos,
  onnx: 'Cos',
  gpu: (x, name) => sinExpression(`(${x} + ${Math.PI / 2})`, name),
  derivative: (x, _, ops) => ops.negate(ops.sin(x)),
});

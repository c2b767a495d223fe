import { defineBinary } from './families/elementwise.js';
import { isConstantOf, keepOperand } from './families/simplification.js';

/** Element-wise a/b of broadcast floats. */
export const divide = defineBinary({
  name: 'divide',
  compute: (a, b) => a / b,
  onnx: 'Div',
  gpu: (a, b) => `(${a} / ${b})`,
  dtypes: ['f32'],
  simplify: (a, b) => (isConstantOf(b, 1) ? keepOperand(a, b) : undefined),
  derivatives: (_, b, y, ops) => [ops.reciprocal(b), ops.negate(ops.divide(y, b))],
});

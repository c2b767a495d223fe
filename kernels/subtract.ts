import { defineBinary } from './families/elementwise.js';
import { isConstantOf, keepOperand } from './families/simplification.js';

/** Element-wise a − b of broadcast operands. */
export const subtract = defineBinary({
  name: 'subtract',
  compute: (a, b) => a - b,
  onnx: 'Sub',
  gpu: (a, b) => `(${a} - ${b})`,
  simplify: (a, b) => (isConstantOf(b, 0) ? keepOperand(a, b) : undefined),
  derivatives: () => [1, -1],
});

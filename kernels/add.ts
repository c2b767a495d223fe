import { defineBinary } from './families/elementwise.js';
import { isConstantOf, keepOperand } from './families/simplification.js';

/** Element-wise a + b of broadcast operands. */
export const add = defineBinary({
  name: 'add',
  compute: (a, b) => a + b,
  onnx: 'Add',
  gpu: (a, b) => `(${a} + ${b})`,
  simplify: (a, b) =>
    isConstantOf(b, 0) ? keepOperand(a, b) : isConstantOf(a, 0) ? keepOperand(b, a) : undefined,
  derivatives: () => [1, 1],
});

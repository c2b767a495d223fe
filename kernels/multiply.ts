import { defineBinary } from './families/elementwise.js';
import { isConstantOf, keepOperand } from './families/simplification.js';

/** Element-wise a·b of broadcast operands. */
export const multiply = defineBinary({
  name: 'multiply',
  compute: (a, b) => a * b,
  onnx: 'Mul',
  gpu: (a, b) => `(${a} * ${b})`,
  simplify: (a, b) =>
    isConstantOf(b, 1) ? keepOperand(a, b) : isConstantOf(a, 1) ? keepOperand(b, a) : undefined,
  derivatives: (a, b) => [b, a],
});

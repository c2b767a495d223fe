import { defineBinary } from './families/elementwise.js';

/** Element-wise a ≤ b of broadcast operands. */
export const lessOrEqual = defineBinary({
  name: 'lessOrEqual',
  compute: (a, b) => Number(a <= b),
  onnx: 'LessOrEqual',
  gpu: (a, b) => `(${a} <= ${b} ? 1.0 : 0.0)`,
  result: 'bool',
});

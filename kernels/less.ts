import { defineBinary } from './families/elementwise.js';

/** Element-wise a < b of broadcast operands. */
export const less = defineBinary({
  name: 'less',
  compute: (a, b) => Number(a < b),
  onnx: 'Less',
  gpu: (a, b) => `(${a} < ${b} ? 1.0 : 0.0)`,
  result: 'bool',
});

import { defineBinary } from './families/elementwise.js';

/** Element-wise a > b of broadcast operands. */
export const greater = defineBinary({
  name: 'greater',
  compute: (a, b) => Number(a > b),
  onnx: 'Greater',
  gpu: (a, b) => `(${a} > ${b} ? 1.0 : 0.0)`,
  result: 'bool',
});

import { defineBinary } from './families/elementwise.js';

/** Element-wise a > b of broadcast operands. */
export const greater = defineBinary({
  name: 'greater',
  compute: (a, b) => Number(a > b),
  onnx: 'Greater',
  result: 'bool',
});

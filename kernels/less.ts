import { defineBinary } from './families/elementwise.js';

/** Element-wise a < b of broadcast operands. */
export const less = defineBinary({
  name: 'less',
  compute: (a, b) => Number(a < b),
  onnx: 'Less',
  result: 'bool',
});

import { defineBinary } from './families/elementwise.js';

/** Element-wise a = b of broadcast operands. */
export const equal = defineBinary({
  name: 'equal',
  compute: (a, b) => Number(a === b),
  onnx: 'Equal',
  gpu: (a, b) => `(${a} === ${b} ? 1.0 : 0.0)`,
  dtypes: ['f32', 'i32', 'bool'],
  result: 'bool',
});

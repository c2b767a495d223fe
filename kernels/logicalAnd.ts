import { defineBinary } from './families/elementwise.js';

/** Element-wise a and b of booleans. */
export const logicalAnd = defineBinary({
  name: 'logicalAnd',
  compute: (a, b) => a * b,
  onnx: 'And',
  gpu: (a, b) => `(${a} * ${b})`,
  dtypes: ['bool'],
});

import { defineUnary } from './families/elementwise.js';

/** Element-wise negation of booleans. */
export const logicalNot = defineUnary({
  name: 'logicalNot',
  compute: (x) => (x === 0 ? 1 : 0),
  onnx: 'Not',
  gpu: (x) => `(1 - ${x})`,
  dtypes: ['bool'],
});

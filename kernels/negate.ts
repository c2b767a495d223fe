import { defineUnary } from './families/elementwise.js';

/** Element-wise −x. */
export const negate = defineUnary({
  name: 'negate',
  compute: (x) => -x,
  onnx: 'Neg',
  gpu: (x) => `(-${x})`,
  dtypes: ['f32', 'i32'],
  derivative: () => -1,
});

import { defineUnary } from './families/elementwise.js';

/** Element-wise |x|. */
export const absolute = defineUnary({
  name: 'absolute',
  compute: Math.abs,
  onnx: 'Abs',
  gpu: (x) => `Math.abs(${x})`,
  dtypes: ['f32', 'i32'],
});

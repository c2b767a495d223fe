import { defineUnary } from './families/elementwise.js';

/** Element-wise |x|. */
export const absolute = defineUnary({
  name: 'absolute',
  compute: Math.abs,
  onnx: 'Abs',
  gpu: (x) => `Math.abs(${x})`,
  dtypes: ['f32', 'i32'],
  derivative: (x, _, ops) => ops.select(ops.less(x, 0), -1, ops.cast(ops.greater(x, 0), 'f32')),
});

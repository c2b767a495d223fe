import { defineUnary } from './families/elementwise.js';

/** Element-wise largest whole number not above x. */
export const floor = defineUnary({
  name: 'floor',
  compute: Math.floor,
  onnx: 'Floor',
  gpu: (x) => `Math.floor(${x})`,
});

import { defineUnary } from './families/elementwise.js';

/** Element-wise 1/√x. */
export const rsqrt = defineUnary({
  name: 'rsqrt',
  compute: (x) => 1 / Math.sqrt(x),
  onnx: (emitter, { inputs }) => [emitter.node('Reciprocal', [emitter.node('Sqrt', inputs)])],
  gpu: (x) => `(1 / Math.sqrt(${x}))`,
  derivative: (_, y, ops) => ops.multiply(-0.5, ops.multiply(y, ops.multiply(y, y))),
});

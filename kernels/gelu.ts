import { defineUnary } from './families/elementwise.js';

const CUBIC = 0.044715;

/** Element-wise GELU in its tanh form: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
export const gelu = defineUnary({
  name: 'gelu',
  compute: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + CUBIC * x ** 3))),
  onnx: (emitter, { inputs }) => [emitter.node('Gelu', inputs, { approximate: { string: 'tanh' } })],
  gpu: (x) =>
    `(0.5 * ${x} * (1 + Math.tanh(Math.max(-20, Math.min(20, ${Math.sqrt(2 / Math.PI)} * (${x} + ${CUBIC} * ${x} * ${x} * ${x}))))))`,
});

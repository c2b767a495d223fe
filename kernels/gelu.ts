import { defineUnary } from './families/elementwise.js';

const CUBIC = 0.044715;

/** Element-wise GELU in its tanh form: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
export const gelu = defineUnary({
  name: 'gelu',
  compute: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + CUBIC * x ** 3))),
  onnx: (emitter, { inputs }) => [emitter.node('Gelu', inputs, { approximate: { string: 'tanh' } })],
  gpu: (x) =>
    `(0.5 * ${x} * (1 + Math.tanh(Math.max(-20, Math.min(20, ${Math.sqrt(2 / Math.PI)} * (${x} + ${CUBIC} * ${x} * ${x} * ${x}))))))`,
  derivative(x, _, ops) {
    const squared = ops.multiply(x, x);
    const scale = Math.sqrt(2 / Math.PI);
    const gate = ops.tanh(ops.multiply(scale, ops.multiply(x, ops.add(1, ops.multiply(CUBIC, squared)))));
    const slope = ops.multiply(scale, ops.add(1, ops.multiply(3 * CUBIC, squared)));
    const bend = ops.multiply(ops.multiply(x, slope), ops.subtract(1, ops.multiply(gate, gate)));
    return ops.multiply(0.5, ops.add(ops.add(1, gate), bend));
  },
});

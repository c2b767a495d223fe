import { MICROSOFT_DOMAIN } from '../src/graph/onnxEmitter.js';
import { defineUnary } from './families/elementwise.js';

/** Element-wise x·sigmoid(x), also called swish. */
export const silu = defineUnary({
  name: 'silu',
  compute: (x) => x / (1 + Math.exp(-x)),
  onnx: (emitter, { inputs }) => [
    emitter.standardOnly
      ? emitter.node('Mul', [...inputs, emitter.node('Sigmoid', inputs)])
      : emitter.node('QuickGelu', inputs, { alpha: { float: 1 } }, MICROSOFT_DOMAIN),
  ],
  gpu: (x) => `(${x} / (1 + Math.exp(-${x})))`,
  derivative(x, y, ops) {
    const gate = ops.sigmoid(x);
    return ops.add(gate, ops.multiply(y, ops.subtract(1, gate)));
  },
});

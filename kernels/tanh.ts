import { defineUnary } from './families/elementwise.js';

/** Element-wise hyperbolic tangent. */
export const tanh = defineUnary({ name: 'tanh', compute: Math.tanh, onnx: 'Tanh' });

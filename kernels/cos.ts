import { defineUnary } from './families/elementwise.js';

/** Element-wise cosine of radians. */
export const cos = defineUnary({ name: 'cos', compute: Math.cos, onnx: 'Cos' });

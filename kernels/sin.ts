import { defineUnary } from './families/elementwise.js';

/** Element-wise sine of radians. */
export const sin = defineUnary({ name: 'sin', compute: Math.sin, onnx: 'Sin' });

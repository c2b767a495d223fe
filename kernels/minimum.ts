import { defineBinary } from './families/elementwise.js';

/** Element-wise smaller of broadcast operands. */
export const minimum = defineBinary({
  name: 'minimum',
  compute: (a, b) => Math.min(a, b),
  onnx: 'Min',
  gpu: (a, b) => `Math.min(${a}, ${b})`,
});

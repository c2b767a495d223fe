import { defineBinary } from './families/elementwise.js';

/** Element-wise larger of broadcast operands. */
export const maximum = defineBinary({
  name: 'maximum',
  compute: (a, b) => Math.max(a, b),
  onnx: 'Max',
  gpu: (a, b) => `Math.max(${a}, ${b})`,
});

import { defineBinary } from './families/elementwise.js';

/** Element-wise aᵇ of broadcast operands. */
export const power = defineBinary({
  name: 'power',
  compute: (a, b) => a ** b,
  onnx: 'Pow',
  gpu: (a, b) => `Math.pow(${a}, ${b})`,
  dtypes: ['f32'],
});

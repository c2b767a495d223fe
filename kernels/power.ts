import { defineBinary } from './families/elementwise.js';

/** Element-wise aᵇ of broadcast operands. */
export const power = defineBinary({
  name: 'power',
  compute: (a, b) => a ** b,
  onnx: 'Pow',
  gpu: (a, b) => `Math.pow(${a}, ${b})`,
  dtypes: ['f32'],
  derivatives: (a, b, y, ops) => [
    ops.multiply(b, ops.power(a, ops.subtract(b, 1))),
    ops.multiply(y, ops.log(a)),
  ],
});

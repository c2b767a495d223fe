import { defineBinary } from './families/elementwise.js';

/** Element-wise a or b of booleans. */
export const logicalOr = defineBinary({
  name: 'logicalOr',
  compute: (a, b) => Math.max(a, b),
  onnx: 'Or',
  gpu: (a, b) => `Math.max(${a}, ${b})`,
  dtypes: ['bool'],
});

import { defineBinary } from './families/elementwise.js';

/** Element-wise smaller of broadcast operands. */
export const minimum = defineBinary({
  name: 'minimum',
  compute: (a, b) => Math.min(a, b),
  onnx: 'Min',
  gpu: (a, b) => `Math.min(${a}, ${b})`,
  derivatives: (a, b, _, ops) => [ops.cast(ops.less(a, b), 'f32'), ops.cast(ops.lessOrEqual(b, a), 'f32')],
});

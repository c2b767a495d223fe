import { defineBinary } from './families/elementwise.js';

/** Element-wise larger of broadcast operands. */
export const maximum = defineBinary({
  name: 'maximum',
  compute: (a, b) => Math.max(a, b),
  onnx: 'Max',
  gpu: (a, b) => `Math.max(${a}, ${b})`,
  derivatives: (a, b, _, ops) => [ops.cast(ops.less(b, a), 'f32'), ops.cast(ops.lessOrEqual(a, b), 'f32')],
});

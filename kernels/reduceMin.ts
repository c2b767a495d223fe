import { defineReduction } from './families/reduction.js';

/** Smallest element over axes. */
export const reduceMin = defineReduction({
  name: 'reduceMin',
  onnx: 'ReduceMin',
  initial: Infinity,
  combine: (smallest, x) => Math.min(smallest, x),
  gpu: { initial: '3.4e38', combine: (smallest, x) => `Math.min(${smallest}, ${x})` },
  needsElements: true,
  gradient(stretched, x, y, axes, ops) {
    const chosen = ops.cast(ops.equal(x, y), 'f32');
    return ops.divide(ops.multiply(stretched, chosen), ops.sum(chosen, { axes, keepDims: true }));
  },
});

import { defineReduction } from './families/reduction.js';

/** Largest element over axes. */
export const reduceMax = defineReduction({
  name: 'reduceMax',
  onnx: 'ReduceMax',
  initial: -Infinity,
  combine: (largest, x) => Math.max(largest, x),
  gpu: { initial: '-3.4e38', combine: (largest, x) => `Math.max(${largest}, ${x})` },
  needsElements: true,
  gradient(stretched, x, y, axes, ops) {
    const chosen = ops.cast(ops.equal(x, y), 'f32');
    return ops.divide(ops.multiply(stretched, chosen), ops.sum(chosen, { axes, keepDims: true }));
  },
});

import { defineReduction } from './families/reduction.js';

/** Largest element over axes. */
export const reduceMax = defineReduction({
  name: 'reduceMax',
  onnx: 'ReduceMax',
  initial: -Infinity,
  combine: (largest, x) => Math.max(largest, x),
  gpu: { initial: '-3.4e38', combine: (largest, x) => `Math.max(${largest}, ${x})` },
  needsElements: true,
});

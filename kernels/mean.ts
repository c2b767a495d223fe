import { defineReduction } from './families/reduction.js';

/** Mean over axes. */
export const mean = defineReduction({
  name: 'mean',
  onnx: 'ReduceMean',
  initial: 0,
  combine: (sum, x) => sum + x,
  finish: (sum, count) => sum / count,
  gpu: { initial: '0', combine: (sum, x) => `(${sum} + ${x})` },
  needsElements: true,
});

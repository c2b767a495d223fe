import { defineReduction } from './families/reduction.js';

/** Sum over axes; 0 where they are empty. */
export const sum = defineReduction({
  name: 'sum',
  onnx: 'ReduceSum',
  initial: 0,
  combine: (sum, x) => sum + x,
  gpu: { initial: '0', combine: (sum, x) => `(${sum} + ${x})` },
  needsElements: false,
  gradient: (stretched) => stretched,
});

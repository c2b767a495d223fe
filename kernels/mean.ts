import { scalar } from '../src/graph/sources.js';
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
  gradient(stretched, x, _, axes, ops) {
    // The mean of ones is one; their sum is the number of elements, which may be symbolic.
    const ones = ops.broadcastTo(
      ops.reshape(
        scalar(1),
        x.shape.map(() => 1),
      ),
      x.shape,
    );
    return ops.divide(stretched, ops.sum(ones, { axes, keepDims: true }));
  },
});

import { countElements } from '../src/graph/dimension.js';
import { splitAtAxis, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { normalizeAxis, requireDType } from '../src/graph/shapes.js';
import { exp } from './exp.js';
import { log } from './log.js';
import { reduceMax } from './reduceMax.js';
import { subtract } from './subtract.js';
import { sum } from './sum.js';

type AxisAttributes = { readonly axis: number };

const logSoftmaxOp = defineOp<AxisAttributes>({
  name: 'logSoftmax',
  infer([x]) {
    requireDType([x!], 'f32');
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference([x], { axis }) {
    const result = zeros('f32', x!.shape);
    const { outer, size, inner } = splitAtAxis(x!.shape, axis);
    for (let row = 0; row < outer * inner; row++) {
      const start = Math.floor(row / inner) * size * inner + (row % inner);
      let largest = -Infinity;
      for (let i = 0; i < size; i++) largest = Math.max(largest, x!.data[start + i * inner]!);
      let total = 0;
      for (let i = 0; i < size; i++) total += Math.exp(x!.data[start + i * inner]! - largest);
      const normalizer = largest + Math.log(total);
      for (let i = 0; i < size; i++)
        result.data[start + i * inner] = x!.data[start + i * inner]! - normalizer;
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('LogSoftmax', inputs, { axis: { int: attributes.axis } }),
  ],
  gradient([gradient], { outputs: [y], attributes: { axis }, ops }) {
    const total = ops.sum(gradient!, { axes: [axis], keepDims: true });
    return [ops.subtract(gradient!, ops.multiply(ops.exp(y!), total))];
  },
  decompose([x], { axis }) {
    const shifted = subtract(x!, reduceMax(x!, { axes: [axis], keepDims: true }));
    return [subtract(shifted, log(sum(exp(shifted), { axes: [axis], keepDims: true })))];
  },
  flops: ([x]) => 4 * countElements(x!.shape),
});

/** Logarithm of the softmax along an axis. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return apply(logSoftmaxOp, [x], { axis: normalizeAxis(axis, x.shape.length) });
}

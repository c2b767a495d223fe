import { countElements } from '../src/graph/dimension.js';
import { splitAtAxis, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { normalizeAxis, requireDType } from '../src/graph/shapes.js';
import { divide } from './divide.js';
import { exp } from './exp.js';
import { reduceMax } from './reduceMax.js';
import { subtract } from './subtract.js';
import { sum } from './sum.js';

type AxisAttributes = { readonly axis: number };

const softmaxOp = defineOp<AxisAttributes>({
  name: 'softmax',
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
      for (let i = 0; i < size; i++) {
        const weight = Math.exp(x!.data[start + i * inner]! - largest);
        result.data[start + i * inner] = weight;
        total += weight;
      }
      for (let i = 0; i < size; i++) result.data[start + i * inner]! /= total;
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('Softmax', inputs, { axis: { int: attributes.axis } }),
  ],
  gradient([gradient], { outputs: [y], attributes: { axis }, ops }) {
    const weighted = ops.multiply(gradient!, y!);
    return [ops.subtract(weighted, ops.multiply(y!, ops.sum(weighted, { axes: [axis], keepDims: true })))];
  },
  decompose([x], { axis }) {
    const shifted = exp(subtract(x!, reduceMax(x!, { axes: [axis], keepDims: true })));
    return [divide(shifted, sum(shifted, { axes: [axis], keepDims: true }))];
  },
  flops: ([x]) => 4 * countElements(x!.shape),
});

/** Exponentials along an axis, scaled to sum to one. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return apply(softmaxOp, [x], { axis: normalizeAxis(axis, x.shape.length) });
}

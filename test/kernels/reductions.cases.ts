import * as op from '../../src/dsl/index.js';
import { floatTensor } from '../../src/targets/target.js';
import { describeConformance, floats } from '../support/conformance.js';

const table = floatTensor([2, 3], [1, 5, 3, 9, 2, 4]);
const long = floats([2, 20001], 3);

describeConformance('reductions', [
  { name: 'sum of rows', inputs: [table], build: (x) => op.sum(x, { axes: [1] }), expected: [9, 15] },
  { name: 'sum of all', inputs: [table], build: (x) => op.sum(x), expected: [24] },
  {
    name: 'sum of nothing',
    inputs: [floats([0, 3])],
    build: (x) => op.sum(x, { axes: [0] }),
    expected: [0, 0, 0],
  },
  {
    name: 'mean kept',
    inputs: [table],
    build: (x) => op.mean(x, { axes: [-2], keepDims: true }),
    expected: [5, 3.5, 3.5],
  },
  { name: 'reduceMax', inputs: [table], build: (x) => op.reduceMax(x, { axes: [1] }), expected: [5, 9] },
  { name: 'reduceMin', inputs: [table], build: (x) => op.reduceMin(x, { axes: [0] }), expected: [1, 2, 3] },
  { name: 'several axes', inputs: [floats([3, 4, 5, 2])], build: (x) => op.mean(x, { axes: [0, 2] }) },
  { name: 'long rows', inputs: [long], build: (x) => op.sum(x, { axes: [-1] }) },
  {
    name: 'symbolic',
    inputs: [floats([3, 7])],
    shapes: [[op.dim('batch'), op.dim('width')]],
    build: (x) => op.mean(x, { axes: [1] }),
  },
]);

describeConformance('argmax, argmin', [
  { name: 'argmax', inputs: [table], build: (x) => op.argmax(x), expected: [1, 0] },
  { name: 'argmin', inputs: [table], build: (x) => op.argmin(x, 0), expected: [0, 1, 0] },
  {
    name: 'first of equals',
    inputs: [floatTensor([4], [2, 7, 7, 1])],
    build: (x) => op.argmax(x),
    expected: [1],
  },
  { name: 'middle axis', inputs: [floats([2, 9, 3])], build: (x) => op.argmin(x, 1) },
]);

describeConformance('topK', [
  {
    name: 'values and indices',
    inputs: [floatTensor([2, 4], [1, 9, 3, 9, 4, 4, 8, 0])],
    build: (x) => {
      const { values, indices } = op.topK(x, 2);
      return [indices, values];
    },
    expected: [1, 3, 2, 0],
    noGradient: 'equal elements have no slope',
  },
  { name: 'short rows', inputs: [floats([3, 9])], build: (x) => Object.values(op.topK(x, 4)) },
  {
    name: 'long rows',
    inputs: [long],
    build: (x) => Object.values(op.topK(x, 50)),
    noGradient: 'short rows show it sooner',
  },
]);

describeConformance('softmax', [
  {
    name: 'of logarithms',
    inputs: [floatTensor([4], [1, 2, 3, 4].map(Math.log))],
    build: (x) => op.softmax(x),
    expected: [0.1, 0.2, 0.3, 0.4],
  },
  {
    name: 'large values',
    inputs: [floatTensor([2], [1000, 1000])],
    build: (x) => op.softmax(x),
    expected: [0.5, 0.5],
  },
  { name: 'middle axis', inputs: [floats([2, 5, 3])], build: (x) => op.softmax(x, 1) },
  { name: 'long rows', inputs: [long], build: (x) => op.softmax(x) },
  { name: 'no rows', inputs: [floats([0, 4])], build: (x) => op.softmax(x) },
]);

describeConformance('logSoftmax', [
  {
    name: 'of equals',
    inputs: [floatTensor([1, 4], [7, 7, 7, 7])],
    build: (x) => op.logSoftmax(x),
    expected: [-1, -1, -1, -1].map((x) => x * Math.log(4)),
  },
  { name: 'first axis', inputs: [floats([6, 3])], build: (x) => op.logSoftmax(x, 0) },
]);

describeConformance('crossEntropy', [
  {
    name: 'of known probabilities',
    inputs: [
      floatTensor([2, 2], [Math.log(1), Math.log(3), 0, 0]),
      { dtype: 'i32', shape: [2], data: Int32Array.of(1, 0) },
    ],
    build: op.crossEntropy,
    expected: [-Math.log(0.75), Math.log(2)],
  },
  {
    name: 'symbolic batch',
    inputs: [
      floats([3, 4, 17]),
      { dtype: 'i32', shape: [3, 4], data: Int32Array.from({ length: 12 }, (_, i) => (i * 5) % 17) },
    ],
    shapes: [
      [op.dim('batch'), 4, 17],
      [op.dim('batch'), 4],
    ],
    build: op.crossEntropy,
  },
]);

describeConformance('rmsNorm', [
  {
    name: 'by hand',
    inputs: [floatTensor([1, 2], [3, 4]), floatTensor([2], [1, 2])],
    build: (x, w) => op.rmsNorm(x, w, 0),
    expected: [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)],
  },
  {
    name: 'three axes',
    inputs: [floats([2, 5, 24]), floats([24], 2)],
    build: (x, w) => op.rmsNorm(x, w, 1e-5),
  },
]);

describeConformance('layerNorm', [
  {
    name: 'by hand',
    inputs: [floatTensor([1, 2], [3, 5]), floatTensor([2], [1, 2]), floatTensor([2], [0, 10])],
    build: (x, w, b) => op.layerNorm(x, w, b, 3),
    expected: [-0.5, 11],
  },
  {
    name: 'three axes, symbolic',
    inputs: [floats([2, 5, 24]), floats([24], 2), floats([24], 3)],
    shapes: [[op.dim('batch'), op.dim('tokens'), 24], undefined, undefined],
    build: (x, w, b) => op.layerNorm(x, w, b, 1e-12),
  },
  {
    name: 'far from zero',
    inputs: [floatTensor([2, 3], [100, 101, 102.5, -50, -48, -49]), floats([3], 2), floats([3], 3)],
    build: (x, w, b) => op.layerNorm(x, w, b, 1e-5),
  },
  {
    name: 'no rows',
    inputs: [floats([0, 4]), floats([4], 2), floats([4], 3)],
    build: (x, w, b) => op.layerNorm(x, w, b, 1e-5),
  },
]);

describeConformance('groupNorm', [
  {
    name: 'one group',
    inputs: [floatTensor([1, 2, 1, 2], [1, 2, 3, 4]), floatTensor([2], [1, 1]), floatTensor([2], [0, 10])],
    build: (x, w, b) => op.groupNorm(x, w, b, { groups: 1, epsilon: 0 }),
    expected: [-1.3416408, -0.4472136, 10.4472136, 11.3416408],
  },
  {
    name: 'odd image, symbolic',
    inputs: [floats([2, 6, 5, 3]), floats([6], 2), floats([6], 3)],
    shapes: [[op.dim('batch'), 6, op.dim('height'), op.dim('width')], undefined, undefined],
    build: (x, w, b) => op.groupNorm(x, w, b, { groups: 3, epsilon: 1e-6 }),
  },
]);

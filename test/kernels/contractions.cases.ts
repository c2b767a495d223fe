import * as op from '../../src/dsl/index.js';
import { floatTensor, intTensor } from '../../src/targets/target.js';
import { bools, describeConformance, floats, ints } from '../support/conformance.js';

const [batch, queries, keys] = ['batch', 'queries', 'keys'].map(op.dim) as [op.Dim, op.Dim, op.Dim];

describeConformance('matmul', [
  {
    name: 'by hand',
    inputs: [floatTensor([2, 2], [1, 2, 3, 4]), floatTensor([2, 1], [5, 6])],
    build: (a, b) => op.matmul(a, b),
    expected: [17, 39],
  },
  {
    name: 'right transposed',
    inputs: [floatTensor([1, 2], [1, 2]), floatTensor([2, 2], [3, 4, 5, 6])],
    build: (a, b) => op.matmul(a, b, { transposeRight: true }),
    expected: [11, 17],
  },
  {
    name: 'left transposed',
    inputs: [floats([4, 3]), floats([4, 5], 2)],
    build: (a, b) => op.matmul(a, b, { transposeLeft: true }),
  },
  {
    name: 'both transposed, batched',
    inputs: [floats([2, 4, 3]), floats([2, 5, 4], 2)],
    build: (a, b) => op.matmul(a, b, { transposeLeft: true, transposeRight: true }),
  },
  {
    name: 'broadcast batches',
    inputs: [floats([2, 1, 3, 4]), floats([5, 4, 2], 2)],
    build: (a, b) => op.matmul(a, b),
  },
  {
    name: 'long inner axis',
    inputs: [floats([3, 16400]), floats([16400, 2], 2)],
    build: (a, b) => op.matmul(a, b),
  },
  { name: 'no rows', inputs: [floats([0, 3]), floats([3, 4])], build: (a, b) => op.matmul(a, b) },
  {
    name: 'symbolic rows',
    inputs: [floats([2, 7, 5]), floats([9, 5], 2)],
    shapes: [[batch, queries, 5], undefined],
    build: (a, b) => op.matmul(a, b, { transposeRight: true }),
  },
]);

describeConformance('conv2d', [
  {
    name: 'sum of neighbours',
    inputs: [floatTensor([1, 1, 2, 2], [1, 2, 3, 4]), floatTensor([1, 1, 3, 3], new Float32Array(9).fill(1))],
    build: (x, w) => op.conv2d(x, w, { padding: 1 }),
    expected: [10, 10, 10, 10],
  },
  {
    name: 'stride 2, padded right and bottom, bias',
    inputs: [floats([2, 3, 8, 6]), floats([5, 3, 3, 3], 2), floats([5], 3)],
    shapes: [
      [batch, 3, op.multiplyDims(2, op.dim('height')), op.multiplyDims(2, op.dim('width'))],
      undefined,
      undefined,
    ],
    build: (x, w, bias) =>
      op.conv2d(x, w, { bias, stride: 2, padding: { top: 0, left: 0, bottom: 1, right: 1 } }),
  },
  {
    name: 'dilated',
    inputs: [floats([1, 2, 7, 7]), floats([3, 2, 3, 3], 2)],
    build: (x, w) => op.conv2d(x, w, { dilation: 2, padding: 2 }),
    noGradient: 'dilated convolutions only appear in gradients',
  },
  { name: '1×1', inputs: [floats([1, 4, 5, 3]), floats([7, 4, 1, 1], 2)], build: (x, w) => op.conv2d(x, w) },
]);

describeConformance('depthwiseConv', [
  {
    name: 'differences of rows, channel by channel',
    inputs: [floatTensor([1, 2, 3, 1], [1, 2, 4, 10, 20, 40]), floatTensor([2, 2], [-1, 1, 2, 0])],
    build: (x, w) => op.depthwiseConv(x, w),
    expected: [1, 2, 20, 40],
  },
  {
    name: 'stride 4, dilated, padded above, symbolic',
    inputs: [floats([2, 8, 8, 3]), floats([8, 3], 2)],
    shapes: [[batch, 8, op.multiplyDims(4, op.dim('height')), op.dim('width')], undefined],
    build: (x, w) => op.depthwiseConv(x, w, { stride: 4, dilation: 2, top: 1 }),
  },
  {
    name: 'padded below, with rows left over',
    inputs: [floats([1, 3, 7, 2]), floats([3, 2], 2)],
    build: (x, w) => op.depthwiseConv(x, w, { stride: 3, bottom: 1 }),
  },
  {
    name: 'one tap',
    inputs: [floats([2, 3, 4, 5]), floats([3, 1], 2)],
    build: (x, w) => op.depthwiseConv(x, w),
  },
]);

describeConformance('convTranspose2d', [
  {
    name: 'each pixel spreads the kernel',
    inputs: [floatTensor([1, 1, 1, 2], [1, 2]), floatTensor([1, 1, 1, 2], [1, 10])],
    build: (x, w) => op.convTranspose2d(x, w, { stride: 2, top: 0, left: 0, height: 1, width: 4 }),
    expected: [1, 10, 2, 20],
  },
  {
    name: 'stride 2, symbolic',
    inputs: [floats([2, 3, 4, 3]), floats([3, 5, 3, 3], 2)],
    shapes: [[batch, 3, op.dim('height'), op.dim('width')], undefined],
    build: (x, w) =>
      op.convTranspose2d(x, w, {
        stride: 2,
        top: 0,
        left: 0,
        height: op.multiplyDims(2, op.dim('height')),
        width: op.multiplyDims(2, op.dim('width')),
      }),
  },
  {
    name: 'cut off on all sides',
    inputs: [floats([1, 2, 5, 4]), floats([2, 3, 3, 3], 2)],
    build: (x, w) => op.convTranspose2d(x, w, { stride: 1, top: 1, left: 1, height: 5, width: 4 }),
  },
]);

describeConformance('upsampleNearest', [
  {
    name: 'by hand',
    inputs: [floatTensor([1, 1, 1, 2], [1, 2])],
    build: (x) => op.upsampleNearest(x, 2),
    expected: [1, 1, 2, 2, 1, 1, 2, 2],
  },
  { name: 'odd image', inputs: [floats([2, 3, 5, 3])], build: (x) => op.upsampleNearest(x, 3) },
]);

describeConformance('rope', [
  {
    name: 'quarter turn and zero entry',
    inputs: [
      floatTensor([1, 1, 2, 2], [1, 2, 1, 2]),
      intTensor([1, 2], [1, 0]),
      floatTensor([2, 1], [0, 0]),
      floatTensor([2, 1], [0, 1]),
    ],
    build: op.rope,
    expected: [-2, 1, 0, 0],
    noGradient: 'the tables are not differentiated',
  },
  {
    name: 'heads, symbolic',
    inputs: [floats([2, 3, 5, 8]), ints([2, 5], 11), floats([11, 4], 2), floats([11, 4], 3)],
    shapes: [[batch, 3, queries, 8], [batch, queries], undefined, undefined],
    build: op.rope,
    noGradient: 'the tables are not differentiated',
  },
]);

describeConformance('rope with constant tables', [
  {
    name: 'heads',
    inputs: [floats([2, 3, 5, 8]), ints([2, 5], 11)],
    build: (x, positions) => {
      const [cosines, sines] = [2, 3].map((seed) => op.constant('f32', [11, 4], floats([11, 4], seed).data));
      return op.rope(x, positions, cosines!, sines!);
    },
  },
]);

const query = floats([2, 3, 4, 8], 1);
const key = floats([2, 3, 6, 8], 2);
const value = floats([2, 3, 6, 5], 3);
const attentionShapes = [[batch, 3, queries, 8], [batch, 3, keys, 8], [batch, 3, keys, 5], undefined];

describeConformance('attention', [
  {
    name: 'one key in sight',
    inputs: [
      floatTensor([1, 1, 2, 1], [1, 1]),
      floatTensor([1, 1, 2, 1], [0, 0]),
      floatTensor([1, 1, 2, 1], [4, 8]),
    ],
    build: (q, k, v) => op.attention(q, k, v, { causal: true }),
    expected: [4, 6],
  },
  {
    name: 'every key',
    inputs: [query, key, value],
    shapes: attentionShapes,
    build: (q, k, v) => op.attention(q, k, v),
  },
  {
    name: 'causal without a past',
    inputs: [query, floats([2, 3, 4, 8], 2), floats([2, 3, 4, 5], 3)],
    shapes: [
      [batch, 3, queries, 8],
      [batch, 3, queries, 8],
      [batch, 3, queries, 5],
    ],
    build: (q, k, v) => op.attention(q, k, v, { causal: true }),
  },
  {
    name: 'causal after a past',
    inputs: [query, key, value],
    shapes: attentionShapes,
    build: (q, k, v) => op.attention(q, k, v, { causal: true }),
  },
  {
    name: 'causal, known sizes',
    inputs: [query, key, value],
    build: (q, k, v) => op.attention(q, k, v, { causal: true, scale: 0.3 }),
  },
  {
    name: 'block mask',
    inputs: [query, key, value, bools([4, 6], 3)],
    shapes: attentionShapes.with(3, [queries, keys]),
    build: (q, k, v, mask) => op.attention(q, k, v, { mask }),
  },
  {
    name: 'a row that sees nothing',
    inputs: [query, key, value, { dtype: 'bool', shape: [4, 1], data: Uint8Array.from([1, 0, 1, 1]) }],
    build: (q, k, v, rows) => op.attention(q, k, v, { mask: op.broadcastTo(rows, [4, 6]) }),
  },
  {
    name: 'as many keys as queries, causal and masked',
    inputs: [query, floats([2, 3, 4, 8], 5), floats([2, 3, 4, 2], 6), bools([4, 4], 3)],
    build: (q, k, v, mask) => op.attention(q, k, v, { mask, causal: true }),
  },
  {
    name: 'mask of each row, causal',
    inputs: [query, key, value, bools([2, 1, 1, 6], 3)],
    build: (q, k, v, mask) => op.attention(q, k, v, { mask, causal: true }),
  },
]);

import * as op from '../../src/dsl/index.js';
import { floatTensor, intTensor } from '../../src/targets/target.js';
import { bools, describeConformance, floats, ints } from '../support/conformance.js';

const [batch, queries, tokens, past] = ['batch', 'queries', 'tokens', 'past'].map(op.dim) as [
  op.Dim,
  op.Dim,
  op.Dim,
  op.Dim,
];

describeConformance('tokenRope', [
  {
    name: 'quarter turn of the second head',
    inputs: [
      floatTensor([1, 1, 4], [1, 2, 3, 4]),
      intTensor([1, 1], [1]),
      floatTensor([2, 1], [1, 0]),
      floatTensor([2, 1], [0, 1]),
    ],
    build: (x, positions, cosines, sines) => op.tokenRope(x, 2, positions, cosines, sines),
    expected: [-2, 1, -4, 3],
    noGradient: 'the tables are not differentiated',
  },
  {
    name: 'heads, symbolic',
    inputs: [floats([2, 5, 24]), ints([2, 5], 11), floats([11, 4], 2), floats([11, 4], 3)],
    shapes: [[batch, tokens, 24], [batch, tokens], undefined, undefined],
    build: (x, positions, cosines, sines) => op.tokenRope(x, 3, positions, cosines, sines),
    noGradient: 'the tables are not differentiated',
  },
]);

/** Attention of 3 heads with keys of 8 features and values of as many, to so many of the past and so many new. */
function cachedInputs(before: number, added: number) {
  const [query, key, value] = [4, added, added].map((count, seed) => floats([2, count, 24], seed + 1));
  return [query!, key!, value!, floats([2, 3, before, 8], 4), floats([2, 3, before, 8], 5)];
}
const cachedShapes = [
  [batch, queries, 24],
  [batch, tokens, 24],
  [batch, tokens, 24],
  [batch, 3, past, 8],
  [batch, 3, past, 8],
  undefined,
];
const attend = (mask?: op.Tensor, scale = 0.3) => {
  return (query: op.Tensor, key: op.Tensor, value: op.Tensor, pastKey: op.Tensor, pastValue: op.Tensor) => {
    const cache = { key: pastKey, value: pastValue };
    const all = op.cachedAttention(query, { key, value }, cache, { heads: 3, scale, mask });
    return [all.attended, all.keys, all.values];
  };
};

describeConformance('cachedAttention', [
  {
    name: 'the mean of old and new values where all keys are the same',
    inputs: [
      floatTensor([1, 1, 2], [1, 5]),
      floatTensor([1, 1, 2], [0, 0]),
      floatTensor([1, 1, 2], [4, 6]),
      floatTensor([1, 2, 1, 1], [0, 0]),
      floatTensor([1, 2, 1, 1], [8, 20]),
    ],
    build: (query, key, value, pastKey, pastValue) =>
      op.cachedAttention(query, { key, value }, { key: pastKey, value: pastValue }, { heads: 2, scale: 1 })
        .attended,
    expected: [6, 13],
  },
  { name: 'symbolic', inputs: cachedInputs(3, 5), shapes: cachedShapes, build: attend() },
  { name: 'no past', inputs: cachedInputs(0, 5), shapes: cachedShapes, build: attend() },
  {
    name: 'a mask',
    inputs: [...cachedInputs(3, 5), bools([2, 1, 4, 8], 3)],
    build: (query, key, value, pastKey, pastValue, mask) =>
      attend(mask)(query!, key!, value!, pastKey!, pastValue!),
  },
]);

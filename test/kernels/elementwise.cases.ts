import type { Tensor } from '../../src/graph/node.js';
import * as op from '../../src/dsl/index.js';
import { floatTensor, intTensor } from '../../src/targets/target.js';
import { bools, describeConformance, floats, ints } from '../support/conformance.js';

const positive = floatTensor([2, 3], [0.5, 1, 2, 4, 9, 16]);

/** GPUs need not give NaN outside a function's domain. */
const aboveZero = floatTensor(
  [3, 5],
  floats([3, 5], 7).data.map((x) => Math.abs(x) + 0.1),
);

const unary: Readonly<Record<string, { fn: (x: Tensor) => Tensor; expected: readonly number[] }>> = {
  negate: { fn: op.negate, expected: [-0.5, -1, -2, -4, -9, -16] },
  absolute: { fn: (x) => op.absolute(op.negate(x)), expected: [0.5, 1, 2, 4, 9, 16] },
  exp: { fn: (x) => op.exp(op.log(x)), expected: [0.5, 1, 2, 4, 9, 16] },
  log: { fn: op.log, expected: [-Math.LN2, 0, Math.LN2, 1.3862944, 2.1972246, 2.7725887] },
  sqrt: { fn: op.sqrt, expected: [Math.SQRT1_2, 1, Math.SQRT2, 2, 3, 4] },
  rsqrt: { fn: op.rsqrt, expected: [Math.SQRT2, 1, Math.SQRT1_2, 0.5, 1 / 3, 0.25] },
  reciprocal: { fn: op.reciprocal, expected: [2, 1, 0.5, 0.25, 1 / 9, 0.0625] },
  sin: { fn: op.sin, expected: [0.4794255, 0.841471, 0.9092974, -0.7568025, 0.4121185, -0.2879033] },
  cos: { fn: op.cos, expected: [0.8775826, 0.5403023, -0.4161468, -0.6536436, -0.9111303, -0.9576595] },
  tanh: { fn: op.tanh, expected: [0.4621172, 0.7615942, 0.9640276, 0.9993293, 1, 1] },
  sigmoid: { fn: op.sigmoid, expected: [0.6224593, 0.7310586, 0.8807971, 0.9820138, 0.9998766, 0.9999999] },
  silu: { fn: op.silu, expected: [0.3112297, 0.7310586, 1.7615942, 3.9280552, 8.9988895, 15.9999982] },
  gelu: { fn: op.gelu, expected: [0.345714, 0.841192, 1.954598, 3.99993, 9, 16] },
  exactGelu: { fn: op.exactGelu, expected: [0.3457312, 0.8413447, 1.9544997, 3.9998733, 9, 16] },
  erf: { fn: op.erf, expected: [0.5204999, 0.8427008, 0.9953223, 1, 1, 1] },
  relu: { fn: (x) => op.relu(op.subtract(x, 2)), expected: [0, 0, 0, 2, 7, 14] },
  floor: { fn: op.floor, expected: [0, 1, 2, 4, 9, 16] },
};

describeConformance(
  'element-wise, one operand',
  Object.entries(unary).flatMap(([name, { fn, expected }]) => [
    {
      name,
      inputs: [positive],
      build: fn,
      expected,
      ...(name === 'floor' && { noGradient: 'it jumps at whole numbers' }),
    },
    { name: `${name}, no elements`, inputs: [floats([0, 3])], build: fn },
    {
      name: `${name}, symbolic`,
      inputs: [aboveZero],
      shapes: [['batch', 'width'].map(op.dim)],
      build: fn,
    },
  ]),
);

const a = floatTensor([2, 3], [1, 2, 3, 4, 5, 6]);
const row = floatTensor([3], [2, 2, 4]);
const column = floatTensor([2, 1], [1, 5]);

describeConformance('element-wise, two operands', [
  { name: 'add', inputs: [a, row], build: op.add, expected: [3, 4, 7, 6, 7, 10] },
  { name: 'subtract', inputs: [a, row], build: op.subtract, expected: [-1, 0, -1, 2, 3, 2] },
  { name: 'multiply', inputs: [a, row], build: op.multiply, expected: [2, 4, 12, 8, 10, 24] },
  { name: 'divide', inputs: [a, row], build: op.divide, expected: [0.5, 1, 0.75, 2, 2.5, 1.5] },
  {
    name: 'power',
    inputs: [a, row],
    build: op.power,
    expected: [1, 4, 81, 16, 25, 1296],
    noGradient: 'the weighting of large values turns too fast',
  },
  {
    name: 'maximum',
    inputs: [a, column],
    build: op.maximum,
    expected: [1, 2, 3, 5, 5, 6],
    noGradient: 'equal operands have no slope',
  },
  {
    name: 'minimum',
    inputs: [a, column],
    build: op.minimum,
    expected: [1, 1, 1, 4, 5, 5],
    noGradient: 'equal operands have no slope',
  },
  { name: 'power of small numbers', inputs: [aboveZero, floats([5], 4)], build: op.power },
  { name: 'maximum of different numbers', inputs: [floats([3, 4]), floats([4], 5)], build: op.maximum },
  { name: 'minimum of different numbers', inputs: [floats([3, 4]), floats([4], 5)], build: op.minimum },
  { name: 'equal', inputs: [a, column], build: op.equal, expected: [1, 0, 0, 0, 1, 0] },
  { name: 'less', inputs: [a, column], build: op.less, expected: [0, 0, 0, 1, 0, 0] },
  { name: 'lessOrEqual', inputs: [a, column], build: op.lessOrEqual, expected: [1, 0, 0, 1, 1, 0] },
  { name: 'greater', inputs: [a, column], build: op.greater, expected: [0, 1, 1, 0, 0, 1] },
  {
    name: 'integers',
    inputs: [intTensor([2], [7, -3]), intTensor([2], [2, 2])],
    build: op.multiply,
    expected: [14, -6],
  },
  {
    name: 'a number as operand',
    inputs: [a],
    build: (x) => op.multiply(2, op.add(x, 1)),
    expected: [4, 6, 8, 10, 12, 14],
  },
  { name: 'column and row', inputs: [floats([5, 1]), floats([1, 7], 2)], build: op.add },
  { name: 'no elements', inputs: [floats([0, 3]), floats([3])], build: op.add },
  {
    name: 'symbolic',
    inputs: [floats([4, 1, 3]), floats([2, 3], 2)],
    shapes: [
      [op.dim('batch'), 1, 3],
      [op.dim('rows'), 3],
    ],
    build: op.multiply,
  },
]);

describeConformance('booleans', [
  { name: 'logicalAnd', inputs: [bools([9], 1), bools([9], 2)], build: op.logicalAnd },
  { name: 'logicalOr', inputs: [bools([3, 1], 1), bools([1, 4], 2)], build: op.logicalOr },
  { name: 'logicalNot', inputs: [bools([9], 1)], build: op.logicalNot },
  { name: 'equal', inputs: [bools([9], 1), bools([9], 2)], build: op.equal },
]);

describeConformance('cast', [
  {
    name: 'truncates',
    inputs: [floatTensor([4], [1.9, -1.9, 0, 3])],
    build: (x) => op.cast(x, 'i32'),
    expected: [1, -1, 0, 3],
  },
  {
    name: 'to bool',
    inputs: [floatTensor([3], [0, 0.5, -2])],
    build: (x) => op.cast(x, 'bool'),
    expected: [0, 1, 1],
  },
  { name: 'from bool', inputs: [bools([7])], build: (x) => op.cast(x, 'f32') },
  { name: 'int to float', inputs: [ints([7], 100)], build: (x) => op.cast(x, 'f32') },
]);

describeConformance('select', [
  {
    name: 'picks by condition',
    inputs: [{ dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }, floatTensor([3], [1, 2, 3])],
    build: (condition, x) => op.select(condition, x, -1),
    expected: [1, -1, 3],
  },
  { name: 'broadcasts', inputs: [bools([4, 1]), floats([1, 5]), floats([4, 5], 2)], build: op.select },
]);

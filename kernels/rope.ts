import { countElements } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import { addIndex, divideIndex, multiplyIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { turnPairs } from './families/pairs.js';

const ropeOp = defineOp<Record<string, never>>({
  name: 'rope',
  infer([x, positions, cosines, sines]) {
    requireDType([x!, cosines!, sines!], 'f32');
    requireDType([positions!], 'i32');
    requireRank(x!, 4, 'the input');
    requireRank(positions!, 2, 'positions');
    requireEqualDims(x!.shape[0]!, positions!.shape[0]!, 'the batch sizes of input and positions');
    requireEqualDims(x!.shape[2]!, positions!.shape[1]!, 'the lengths of input and positions');
    for (const table of [cosines!, sines!]) {
      requireRank(table, 2, 'a table');
      if (x!.shape[3] !== 2 * Number(table.shape[1]))
        throw new RangeError('tables must have half as many columns as a head');
    }
    requireEqualDims(cosines!.shape[0]!, sines!.shape[0]!, 'the lengths of the tables');
    return [{ dtype: 'f32', shape: x!.shape }];
  },
  reference([x, positions, cosines, sines]) {
    const result = zeros('f32', x!.shape);
    const [batch, heads, length, headDim] = x!.shape as [number, number, number, number];
    const pairs = headDim / 2;
    for (let row = 0; row < batch * heads * length; row++) {
      const token = Math.floor(row / (heads * length)) * length + (row % length);
      const entry = positions!.data[token]! * pairs;
      for (let pair = 0; pair < pairs; pair++) {
        const at = row * headDim + 2 * pair;
        const [cosine, sine] = [cosines!.data[entry + pair]!, sines!.data[entry + pair]!];
        result.data[at] = x!.data[at]! * cosine - x!.data[at + 1]! * sine;
        result.data[at + 1] = x!.data[at]! * sine + x!.data[at + 1]! * cosine;
      }
    }
    return [result];
  },
  onnx: (emitter, { inputs }) => [turnPairs(emitter, inputs)],
  gradient: ([gradient], { inputs: [, positions, cosines, sines], ops }) => [
    ops.rope(gradient!, positions!, cosines!, ops.negate(sines!)),
    undefined,
    undefined,
    undefined,
  ],
  gpu: {
    kind: 'view',
    readsSeldom: true,
    element(reader, [batch, head, token, feature]) {
      const position = reader.temporary(reader.read(1, [batch!, token!]));
      const pair = reader.temporary(divideIndex(feature!, 2));
      const even = reader.temporary(multiplyIndex(pair, 2));
      const [cosine, sine] = [2, 3].map((table) => reader.temporary(reader.read(table, [position, pair])));
      const at = (place: string) => reader.temporary(reader.read(0, [batch!, head!, token!, place]));
      const [first, second] = [at(even), at(addIndex(even, 1))];
      return `(${feature} === ${even} ? ${first} * ${cosine} - ${second} * ${sine} : ${first} * ${sine} + ${second} * ${cosine})`;
    },
  },
  flops: ([x]) => 3 * countElements(x!.shape),
});

/**
 * Rotary position embedding (Su et al., 2021): each pair of neighbouring features (2p, 2p + 1) turns by the angle
 * that the tables hold for the token's position.
 * @param x `[batch, heads, length, headDim]`
 * @param positions rows of the tables, i32 `[batch, length]`
 * @param cosines `[positions, headDim/2]`
 * @param sines `[positions, headDim/2]`
 */
export function rope(x: Tensor, positions: Tensor, cosines: Tensor, sines: Tensor): Tensor {
  return apply(ropeOp, [x, positions, cosines, sines], {});
}

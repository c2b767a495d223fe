import { pickedElement } from '../src/graph/indexExpression.js';
import { splitAtAxis, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { scalar } from '../src/graph/sources.js';
import { normalizeAxis, requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';

type AxisAttributes = { readonly axis: number };

const gatherOp = defineOp<AxisAttributes>({
  name: 'gather',
  infer([x, indices], { axis }) {
    requireDType([indices!], 'i32');
    requireRank(indices!, x!.shape.length, 'the indices');
    for (const [other, size] of x!.shape.entries())
      if (other !== axis) requireEqualDims(size, indices!.shape[other]!, `the sizes of axis ${other}`);
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  reference([x, indices], { axis }) {
    const result = zeros(x!.dtype, indices!.shape);
    const { size, inner } = splitAtAxis(x!.shape, axis);
    const picked = indices!.shape[axis]!;
    for (const [at, index] of indices!.data.entries()) {
      if (index < 0 || index >= size)
        throw new RangeError(`gather: index ${index} of ${size} does not exist`);
      const outer = Math.floor(at / (picked * inner));
      result.data[at] = x!.data[(outer * size + index) * inner + (at % inner)]!;
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('GatherElements', inputs, { axis: { int: attributes.axis } }),
  ],
  gradient([gradient], { inputs: [x, indices], attributes: { axis }, ops }) {
    const zeros = ops.broadcastTo(
      ops.reshape(
        scalar(0),
        x!.shape.map(() => 1),
      ),
      x!.shape,
    );
    return [ops.scatter(zeros, indices!, gradient!, { axis, combine: 'add' }), undefined];
  },
  gpu: {
    kind: 'view',
    element(reader, index, { inputTypes: [x], attributes: { axis } }) {
      const place = reader.temporary(reader.read(1, index));
      return pickedElement(place, x!.shape[axis]!, reader.read(0, index.with(axis, place)));
    },
  },
  elementsOf: 'the first input',
  indices: ([x], { axis }) => ({ input: 1, count: x!.shape[axis]! }),
  flops: () => 0,
});

/**
 * Picks elements along an axis, for each place of the other axes by itself:
 * `result[…, i, …] = x[…, indices[…, i, …], …]`. The indices have x's shape but for the axis.
 */
export function gather(x: Tensor, indices: Tensor, axis = -1): Tensor {
  return apply(gatherOp, [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
}

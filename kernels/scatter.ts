import { splitAtAxis } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { scalar } from '../src/graph/sources.js';
import { normalizeAxis, requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';

type ScatterAttributes = { readonly axis: number; readonly combine: 'replace' | 'add' };

const scatterOp = defineOp<ScatterAttributes>({
  name: 'scatter',
  infer([x, indices, updates], { axis }) {
    requireDType([indices!], 'i32');
    if (x!.dtype !== updates!.dtype) throw new TypeError('input and updates have different dtypes');
    requireRank(indices!, x!.shape.length, 'the indices');
    requireRank(updates!, x!.shape.length, 'the updates');
    for (const [other, size] of x!.shape.entries()) {
      requireEqualDims(indices!.shape[other]!, updates!.shape[other]!, 'the shapes of indices and updates');
      if (other !== axis) requireEqualDims(size, indices!.shape[other]!, `the sizes of axis ${other}`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  reference([x, indices, updates], { axis, combine }) {
    const data = Float64Array.from(x!.data);
    const { size, inner } = splitAtAxis(x!.shape, axis);
    const picked = indices!.shape[axis]!;
    for (const [at, index] of indices!.data.entries()) {
      if (index < 0 || index >= size)
        throw new RangeError(`scatter: index ${index} of ${size} does not exist`);
      const target = (Math.floor(at / (picked * inner)) * size + index) * inner + (at % inner);
      data[target] = updates!.data[at]! + (combine === 'add' ? data[target]! : 0);
    }
    return [{ dtype: x!.dtype, shape: x!.shape, data }];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('ScatterElements', inputs, {
      axis: { int: attributes.axis },
      reduction: { string: attributes.combine === 'add' ? 'add' : 'none' },
    }),
  ],
  gradient([gradient], { inputs: [, indices, updates], attributes: { axis, combine }, ops }) {
    const zeros = ops.broadcastTo(
      ops.reshape(
        scalar(0),
        updates!.shape.map(() => 1),
      ),
      updates!.shape,
    );
    const kept = combine === 'add' ? gradient! : ops.scatter(gradient!, indices!, zeros, { axis });
    return [kept, undefined, ops.gather(gradient!, indices!, axis)];
  },
  indices: ([x], { axis }) => ({ input: 1, count: x!.shape[axis]! }),
  gpu: {
    kind: 'kernel',
    heavy: true,
    compute: (writer, indices, { inputTypes: [, places], attributes: { axis, combine } }) =>
      indices.map((index) => {
        const result = writer.variable(writer.read(0, index));
        writer.loop(places!.shape[axis]!, (which) => {
          const from = index.with(axis, which);
          writer.when(`${writer.temporary(writer.read(1, from))} === ${index[axis]}`, () => {
            const update = writer.read(2, from);
            writer.assign(result, combine === 'add' ? `${result} + ${update}` : update);
          });
        });
        return result;
      }),
  },
});

/**
 * A copy of x with elements along an axis replaced or added to:
 * `result[…, indices[…, i, …], …] = updates[…, i, …]`. When replacing, indices must not repeat.
 */
export function scatter(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  { axis = -1, combine = 'replace' }: { readonly axis?: number; readonly combine?: 'replace' | 'add' } = {},
): Tensor {
  return apply(scatterOp, [x, indices, updates], { axis: normalizeAxis(axis, x.shape.length), combine });
}

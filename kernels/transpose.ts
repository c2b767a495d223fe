import { forEachOffset, stridesOf, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp, type OpDefinition } from '../src/graph/op.js';

type TransposeAttributes = { readonly axes: readonly number[] };

const transposeOp: OpDefinition<TransposeAttributes> = defineOp<TransposeAttributes>({
  name: 'transpose',
  infer([x], { axes }) {
    if ([...axes].sort((a, b) => a - b).join() !== x!.shape.map((_, axis) => axis).join())
      throw new RangeError(`axes [${axes.join(', ')}] are not an order of the axes`);
    return [{ dtype: x!.dtype, shape: axes.map((axis) => x!.shape[axis]!) }];
  },
  reference([x], { axes }, [output]) {
    const result = zeros(x!.dtype, output!.shape);
    const strides = stridesOf(x!.shape);
    forEachOffset(output!.shape, [axes.map((axis) => strides[axis]!)], ([at], index) => {
      result.data[index] = x!.data[at!]!;
    });
    return [result];
  },
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('Transpose', inputs, { perm: { ints: attributes.axes } }),
  ],
  gradient: ([gradient], { attributes: { axes }, ops }) => [
    ops.transpose(
      gradient!,
      axes.map((_, axis) => axes.indexOf(axis)),
    ),
  ],
  gpu: {
    kind: 'view',
    element: (reader, index, { attributes: { axes } }) =>
      reader.read(
        0,
        axes.map((_, axis) => index[axes.indexOf(axis)]!),
      ),
  },
  simplify([x], { axes }) {
    if (axes.every((axis, index) => axis === index)) return [x!];
    if (x!.node.kind !== 'operation' || x!.node.op.name !== 'transpose') return undefined;
    const inner = x!.node.attributes as TransposeAttributes;
    return [apply(transposeOp, x!.node.inputs, { axes: axes.map((axis) => inner.axes[axis]!) })];
  },
  elementsOf: 'every input',
  flops: () => 0,
});

/** The tensor with its axes in another order: axis i of the result is axis `axes[i]` of x. */
export function transpose(x: Tensor, axes: readonly number[]): Tensor {
  return apply(transposeOp, [x], { axes });
}

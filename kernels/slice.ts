import { addDims, type Dim, equalDims, subtractDims } from '../src/graph/dimension.js';
import { addIndex } from '../src/graph/indexExpression.js';
import { splitAtAxis, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { scalar } from '../src/graph/sources.js';
import { apply, defineOp } from '../src/graph/op.js';
import { normalizeAxis } from '../src/graph/shapes.js';

type SliceAttributes = { readonly axis: number; readonly start: Dim; readonly length: Dim };

const sliceOp = defineOp<SliceAttributes>({
  name: 'slice',
  infer([x], { axis, start, length }) {
    const size = x!.shape[axis]!;
    const end = addDims(start, length);
    const known = [start, length, end, size].every((value) => typeof value === 'number');
    if (known && (Number(start) < 0 || Number(length) < 0 || Number(end) > Number(size)))
      throw new RangeError(
        `elements ${String(start)} to ${String(end)} are outside the axis of ${String(size)}`,
      );
    return [{ dtype: x!.dtype, shape: x!.shape.map((own, at) => (at === axis ? length : own)) }];
  },
  reference([x], { axis, start }, [output]) {
    const result = zeros(x!.dtype, output!.shape);
    const { outer, size, inner } = splitAtAxis(x!.shape, axis);
    const length = output!.shape[axis]! * inner;
    for (let row = 0; row < outer; row++) {
      const from = (row * size + Number(start)) * inner;
      result.data.set(x!.data.subarray(from, from + length), row * length);
    }
    return [result];
  },
  onnx(emitter, { inputs, attributes: { axis, start, length } }) {
    const axes = emitter.constant({ type: 'int64', values: [axis] }, [1]);
    return [
      emitter.node('Slice', [
        inputs[0]!,
        emitter.shape([start]),
        emitter.shape([addDims(start, length)]),
        axes,
      ]),
    ];
  },
  gradient([gradient], { inputs: [x], attributes: { axis, start, length }, ops }) {
    const after = subtractDims(x!.shape[axis]!, addDims(start, length));
    if (typeof start !== 'number' || typeof after !== 'number') {
      const zeros = (count: Dim) => {
        const shape = x!.shape.map((size, other) => (other === axis ? count : size));
        return ops.broadcastTo(
          ops.reshape(
            scalar(0),
            shape.map(() => 1),
          ),
          shape,
        );
      };
      return [ops.concat([zeros(start), gradient!, zeros(after)], axis)];
    }
    const around = (count: number) => x!.shape.map((_, other) => (other === axis ? count : 0));
    return [ops.pad(gradient!, around(start), around(after))];
  },
  gpu: {
    kind: 'view',
    element: (reader, index, { attributes: { axis, start } }) =>
      reader.read(0, index.with(axis, addIndex(index[axis]!, Number(start)))),
  },
  simplify: ([x], { axis, start, length }) =>
    start === 0 && equalDims(length, x!.shape[axis]!) ? [x!] : undefined,
  elementsOf: 'every input',
  flops: () => 0,
});

/** `length` neighbouring elements along an axis, from `start` on. */
export function slice(
  x: Tensor,
  { axis, start, length }: { readonly axis: number; readonly start: Dim; readonly length: Dim },
): Tensor {
  return apply(sliceOp, [x], { axis: normalizeAxis(axis, x.shape.length), start, length });
}

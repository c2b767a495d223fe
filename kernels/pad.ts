import { addDims, countElements } from '../src/graph/dimension.js';
import { addIndex } from '../src/graph/indexExpression.js';
import { forEachOffset, stridesOf, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType } from '../src/graph/shapes.js';

type PadAttributes = {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
};

const padOp = defineOp<PadAttributes>({
  name: 'pad',
  infer([x], { before, after }) {
    requireDType([x!], 'f32');
    if (before.length !== x!.shape.length || after.length !== x!.shape.length)
      throw new RangeError('padding needs one number per axis');
    if ([...before, ...after].some((count) => !Number.isInteger(count) || count < 0))
      throw new RangeError('padding must be whole numbers ≥ 0');
    return [
      { dtype: x!.dtype, shape: x!.shape.map((size, axis) => addDims(size, before[axis]! + after[axis]!)) },
    ];
  },
  reference([x], { before, value }, [output]) {
    const result = zeros(x!.dtype, output!.shape);
    result.data.fill(value);
    const strides = stridesOf(output!.shape);
    const start = before.reduce((offset, count, axis) => offset + count * strides[axis]!, 0);
    forEachOffset(x!.shape, [strides], ([at], index) => {
      result.data[start + at!] = x!.data[index]!;
    });
    return [result];
  },
  onnx(emitter, { inputs, attributes: { before, after, value } }) {
    const pads = emitter.constant({ type: 'int64', values: [...before, ...after] }, [before.length * 2]);
    return [
      emitter.node('Pad', [inputs[0]!, pads, emitter.constant({ type: 'float', values: [value] }, [])]),
    ];
  },
  gradient: ([gradient], { inputs: [x], attributes: { before }, ops }) => [
    before.reduce(
      (inner, start, axis) => ops.slice(inner, { axis, start, length: x!.shape[axis]! }),
      gradient!,
    ),
  ],
  gpu: {
    kind: 'view',
    element(reader, index, { inputTypes: [x], attributes: { before, after, value } }) {
      const padded = index.flatMap((_, axis) => (before[axis] === 0 && after[axis] === 0 ? [] : [axis]));
      if (countElements(x!.shape) === 0) return String(value);
      const inside = index.map((place, axis) => {
        if (!padded.includes(axis)) return place;
        return reader.temporary(
          `Math.max(0, Math.min(${x!.shape[axis]! - 1}, ${addIndex(place, -before[axis]!)}))`,
        );
      });
      const conditions = padded.map((axis) => {
        const place = index[axis]!;
        return `${place} >= ${before[axis]} && ${place} < ${before[axis]! + x!.shape[axis]!}`;
      });
      const element = reader.read(0, inside);
      return conditions.length === 0 ? element : `(${conditions.join(' && ')} ? ${element} : ${value})`;
    },
  },
  simplify: ([x], { before, after }) =>
    [...before, ...after].every((count) => count === 0) ? [x!] : undefined,
  flops: () => 0,
});

/** The tensor with `before[axis]` and `after[axis]` elements of one value added around it. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor {
  return apply(padOp, [x], { before, after, value });
}

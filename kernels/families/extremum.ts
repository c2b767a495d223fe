import { countElements } from '../../src/graph/dimension.js';
import type { Expression } from '../../src/graph/gpuRule.js';
import { splitAtAxis, zeros } from '../../src/graph/ndarray.js';
import type { Tensor } from '../../src/graph/node.js';
import { apply, defineOp } from '../../src/graph/op.js';
import { normalizeAxis, reducedShape, requireDType } from '../../src/graph/shapes.js';

type AxisAttributes = { readonly axis: number };

/** Defines an operation that finds where along an axis the best element is; the first one where several are equal. */
export function defineExtremum(
  name: string,
  onnx: string,
  better: (candidate: number, best: number) => boolean,
  operator: '<' | '>',
): (x: Tensor, axis?: number) => Tensor {
  const op = defineOp<AxisAttributes>({
    name,
    infer([x], { axis }) {
      requireDType([x!], 'f32');
      if (x!.shape[axis] === 0) throw new RangeError('the axis is empty');
      return [{ dtype: 'i32', shape: reducedShape(x!.shape, [axis], false) }];
    },
    reference([x], { axis }, [output]) {
      const result = zeros('i32', output!.shape);
      const { size, inner } = splitAtAxis(x!.shape, axis);
      for (let row = 0; row < result.data.length; row++) {
        const start = Math.floor(row / inner) * size * inner + (row % inner);
        let best = 0;
        for (let i = 1; i < size; i++)
          if (better(x!.data[start + i * inner]!, x!.data[start + best * inner]!)) best = i;
        result.data[row] = best;
      }
      return [result];
    },
    onnx: (emitter, { inputs, attributes }) => [
      emitter.cast(
        emitter.node(onnx, inputs, { axis: { int: attributes.axis }, keepdims: { int: 0 } }),
        'int32',
      ),
    ],
    gpu: {
      kind: 'kernel',
      heavy: false,
      compute: (writer, indices, { inputTypes: [x], attributes: { axis } }) =>
        indices.map((index) => {
          const at = (place: Expression) => writer.read(0, index.toSpliced(axis, 0, place));
          const best = writer.variable(at('0'));
          const where = writer.variable('0');
          writer.loop(x!.shape[axis]!, (place) => {
            const candidate = writer.temporary(at(place));
            writer.when(`${candidate} ${operator} ${best}`, () => {
              writer.assign(best, candidate);
              writer.assign(where, place);
            });
          });
          return where;
        }),
    },
    flops: ([x]) => countElements(x!.shape),
  });
  return (x, axis = -1) => apply(op, [x], { axis: normalizeAxis(axis, x.shape.length) });
}

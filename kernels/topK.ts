import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { applyOp, defineOp } from '../src/graph/op.js';
import { requireDType } from '../src/graph/shapes.js';

type TopKAttributes = { readonly k: number };

const topKOp = defineOp<TopKAttributes>({
  name: 'topK',
  infer([x], { k }) {
    requireDType([x!], 'f32');
    const size = x!.shape.at(-1);
    if (!Number.isInteger(k) || k < 0 || (typeof size === 'number' && k > size))
      throw new RangeError(`k = ${k} is not between 0 and the last axis's size`);
    const shape = [...x!.shape.slice(0, -1), k];
    return [
      { dtype: 'f32', shape },
      { dtype: 'i32', shape },
    ];
  },
  reference([x], { k }, [valueType, indexType]) {
    const values = zeros('f32', valueType!.shape);
    const indices = zeros('i32', indexType!.shape);
    const size = x!.shape.at(-1)!;
    for (let row = 0; row * k < values.data.length; row++) {
      const elements = x!.data.subarray(row * size, (row + 1) * size);
      const ranking = Array.from(elements, (_, index) => index).sort(
        (a, b) => elements[b]! - elements[a]! || a - b,
      );
      for (let rank = 0; rank < k; rank++) {
        values.data[row * k + rank] = elements[ranking[rank]!]!;
        indices.data[row * k + rank] = ranking[rank]!;
      }
    }
    return [values, indices];
  },
  onnx(emitter, { inputs, attributes }) {
    const count = emitter.constant({ type: 'int64', values: [attributes.k] }, [1]);
    const [values, indices] = emitter.nodeWithOutputs('TopK', [inputs[0]!, count], { axis: { int: -1 } }, 2);
    return [values!, emitter.cast(indices!, 'int32')];
  },
});

/** The k largest elements along the last axis, largest first, and their indices; the first of equals first. */
export function topK(x: Tensor, k: number): { readonly values: Tensor; readonly indices: Tensor } {
  const [values, indices] = applyOp(topKOp, [x], { k });
  return { values: values!, indices: indices! };
}

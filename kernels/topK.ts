import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { applyOp, defineOp } from '../src/graph/op.js';
import { requireDType } from '../src/graph/shapes.js';
import { argmax } from './argmax.js';
import { cast } from './cast.js';
import { concat } from './concat.js';
import { equal } from './equal.js';
import { gather } from './gather.js';
import { greater } from './greater.js';
import { iota } from './iota.js';
import { less } from './less.js';
import { logicalAnd } from './logicalAnd.js';
import { logicalOr } from './logicalOr.js';
import { reshape } from './reshape.js';
import { select } from './select.js';
import { slice } from './slice.js';

/** Below every element. */
const LOWEST = -3.4e38;

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
  decompose([x], { k }) {
    // Each next element is the largest among those that come after the one before it.
    const axis = x!.shape.length - 1;
    const places = iota(x!.shape[axis]!);
    const found: { readonly value: Tensor; readonly index: Tensor }[] = [];
    for (let rank = 0; rank < k; rank++) {
      const last = found.at(-1);
      const after =
        last &&
        logicalOr(less(x!, last.value), logicalAnd(equal(x!, last.value), greater(places, last.index)));
      const index = argmax(after ? select(after, x!, LOWEST) : x!);
      const column = reshape(index, [...index.shape, 1]);
      found.push({ value: gather(x!, column), index: column });
    }
    if (found.length === 0)
      return [
        slice(x!, { axis, start: 0, length: 0 }),
        cast(slice(x!, { axis, start: 0, length: 0 }), 'i32'),
      ];
    return [
      concat(
        found.map(({ value }) => value),
        axis,
      ),
      concat(
        found.map(({ index }) => index),
        axis,
      ),
    ];
  },
});

/** The k largest elements along the last axis, largest first, and their indices; the first of equals first. */
export function topK(x: Tensor, k: number): { readonly values: Tensor; readonly indices: Tensor } {
  const [values, indices] = applyOp(topKOp, [x], { k });
  return { values: values!, indices: indices! };
}

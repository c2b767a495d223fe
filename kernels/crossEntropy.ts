import { countElements, type Shape } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims } from '../src/graph/shapes.js';
import { gather } from './gather.js';
import { logSoftmax } from './logSoftmax.js';
import { negate } from './negate.js';
import { reshape } from './reshape.js';

const crossEntropyOp = defineOp<Record<string, never>>({
  name: 'crossEntropy',
  infer([logits, targets]) {
    requireDType([logits!], 'f32');
    requireDType([targets!], 'i32');
    const rows: Shape = logits!.shape.slice(0, -1);
    if (rows.length !== targets!.shape.length) throw new RangeError('targets need one axis less than logits');
    for (const [axis, size] of rows.entries())
      requireEqualDims(size, targets!.shape[axis]!, 'rows of logits and targets');
    return [{ dtype: 'f32', shape: rows }];
  },
  reference([logits, targets], _, [output]) {
    const result = zeros('f32', output!.shape);
    const vocabulary = logits!.shape.at(-1)!;
    for (let row = 0; row < result.data.length; row++) {
      const start = row * vocabulary;
      const values = Array.from(logits!.data.subarray(start, start + vocabulary));
      const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      const target = targets!.data[row]!;
      if (!(target >= 0 && target < vocabulary))
        throw new RangeError(`crossEntropy: target ${target} of ${vocabulary} does not exist`);
      result.data[row] = largest + Math.log(total) - values[target]!;
    }
    return [result];
  },
  decompose([logits, targets]) {
    const picked = gather(logSoftmax(logits!), reshape(targets!, [...targets!.shape, 1]), -1);
    return [negate(reshape(picked, targets!.shape))];
  },
  indices: ([logits]) => ({ input: 1, count: logits!.shape.at(-1)! }),
  flops: ([logits]) => 4 * countElements(logits!.shape),
});

/** −log softmax(logits)[target] for each row: logits `[…, vocabulary]`, targets `[…]` → `[…]`, in nats. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return apply(crossEntropyOp, [logits, targets], {});
}

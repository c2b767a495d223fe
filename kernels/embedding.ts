import { pickedElement } from '../src/graph/indexExpression.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { scalar } from '../src/graph/sources.js';
import { requireDType, requireRank } from '../src/graph/shapes.js';

const embeddingOp = defineOp<Record<string, never>>({
  name: 'embedding',
  infer([table, ids]) {
    requireRank(table!, 2, 'the table');
    requireDType([ids!], 'i32');
    return [{ dtype: table!.dtype, shape: [...ids!.shape, table!.shape[1]!] }];
  },
  reference([table, ids], _, [output]) {
    const result = zeros(table!.dtype, output!.shape);
    const [rows, width] = table!.shape as [number, number];
    for (const [index, id] of ids!.data.entries()) {
      if (id < 0 || id >= rows) throw new RangeError(`embedding: row ${id} of ${rows} does not exist`);
      result.data.set(table!.data.subarray(id * width, (id + 1) * width), index * width);
    }
    return [result];
  },
  onnx: (emitter, { inputs }) => [emitter.node('Gather', inputs, { axis: { int: 0 } })],
  gradient([gradient], { inputs: [table, ids], ops }) {
    const width = table!.shape[1]!;
    const rows = ops.reshape(gradient!, [-1, width]);
    const targets = ops.broadcastTo(ops.reshape(ids!, [-1, 1]), rows.shape);
    const zeros = ops.broadcastTo(ops.reshape(scalar(0), [1, 1]), table!.shape);
    return [ops.scatter(zeros, targets, rows, { axis: 0, combine: 'add' }), undefined];
  },
  gpu: {
    kind: 'view',
    readsSeldom: true,
    element(reader, index, { inputTypes: [table] }) {
      const row = reader.temporary(reader.read(1, index.slice(0, -1)));
      return pickedElement(row, table!.shape[0]!, reader.read(0, [row, index.at(-1)!]));
    },
  },
  indices: ([table]) => ({ input: 1, count: table!.shape[0]! }),
  flops: () => 0,
});

/**
 * Rows of a table: table `[rows, width]`, ids i32 `[…]` → `[…, width]`.
 * An id outside the table is an error when the graph runs.
 */
export function embedding(table: Tensor, ids: Tensor): Tensor {
  return apply(embeddingOp, [table, ids], {});
}

import { sumToShape } from '../src/graph/gradientRule.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { broadcastShapes, requireDType } from '../src/graph/shapes.js';
import { mapBroadcast, type Operand, toTensors } from './families/elementwise.js';

const selectOp = defineOp<Record<string, never>>({
  name: 'select',
  infer([condition, whenTrue, whenFalse]) {
    requireDType([condition!], 'bool');
    if (whenTrue!.dtype !== whenFalse!.dtype) throw new TypeError('the two choices have different dtypes');
    return [
      { dtype: whenTrue!.dtype, shape: broadcastShapes(condition!.shape, whenTrue!.shape, whenFalse!.shape) },
    ];
  },
  reference: (inputs, _, [output]) => [
    mapBroadcast(inputs, output!, (condition, a, b) => (condition !== 0 ? a! : b!)),
  ],
  onnx: (emitter, { inputs }) => [emitter.node('Where', inputs)],
  gpu: { kind: 'element', expression: ([condition, a, b]) => `(${condition} > 0.5 ? ${a} : ${b})` },
  gradient: ([gradient], { inputs: [condition, a, b], ops }) => [
    undefined,
    sumToShape(ops.select(condition!, gradient!, 0), a!.shape, ops),
    sumToShape(ops.select(condition!, 0, gradient!), b!.shape, ops),
  ],
  broadcasts: true,
});

/** Element-wise `condition ? whenTrue : whenFalse` of broadcast operands. */
export function select(condition: Tensor, whenTrue: Operand, whenFalse: Operand): Tensor {
  return apply(selectOp, [condition, ...toTensors([whenTrue, whenFalse])], {});
}

import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';

const stopGradientOp = defineOp<Record<string, never>>({
  name: 'stopGradient',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  reference: ([x]) => [x!],
  onnx: (emitter, { inputs }) => [emitter.node('Identity', inputs)],
  gradient: () => [undefined],
  gpu: { kind: 'view', element: (reader, index) => reader.read(0, index) },
  renames: true,
  simplify: ([x]) => [x!],
  rowAxes: () => 0,
  flops: () => 0,
});

/** The tensor itself, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopGradientOp, [x], {});
}

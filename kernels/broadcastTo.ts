import { equalShapes, type Shape } from '../src/graph/dimension.js';
import { sumToShape } from '../src/graph/gradientRule.js';
import { broadcastIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { broadcastShapes } from '../src/graph/shapes.js';
import { mapBroadcast } from './families/elementwise.js';

type BroadcastAttributes = { readonly shape: Shape };

const broadcastToOp = defineOp<BroadcastAttributes>({
  name: 'broadcastTo',
  infer([x], { shape }) {
    if (!equalShapes(broadcastShapes(x!.shape, shape), shape))
      throw new RangeError('the input does not stretch to the shape');
    return [{ dtype: x!.dtype, shape }];
  },
  reference: (inputs, _, [output]) => [mapBroadcast(inputs, output!, (x) => x!)],
  onnx: (emitter, { inputs, attributes }) => [
    emitter.node('Expand', [inputs[0]!, emitter.shape(attributes.shape)]),
  ],
  gradient: ([gradient], { inputs: [x], ops }) => [sumToShape(gradient!, x!.shape, ops)],
  gpu: {
    kind: 'view',
    element: (reader, index, { inputTypes: [x] }) => reader.read(0, broadcastIndex(index, x!.shape)),
  },
  simplify: ([x], { shape }) => (equalShapes(x!.shape, shape) ? [x!] : undefined),
  stretches: true,
  elementsOf: 'every input',
  flops: () => 0,
});

/** The tensor repeated along axes of size 1 and along new leading axes. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return apply(broadcastToOp, [x], { shape });
}

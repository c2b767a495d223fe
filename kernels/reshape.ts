import { equalShapes, type Shape } from '../src/graph/dimension.js';
import { reshapeIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp, type OpDefinition } from '../src/graph/op.js';
import { resolveReshape } from '../src/graph/shapes.js';

type ReshapeAttributes = { readonly shape: Shape };

const reshapeOp: OpDefinition<ReshapeAttributes> = defineOp<ReshapeAttributes>({
  name: 'reshape',
  infer: ([x], { shape }) => [{ dtype: x!.dtype, shape: resolveReshape(x!.shape, shape) }],
  reference: ([x], _, [output]) => [{ dtype: x!.dtype, shape: output!.shape, data: x!.data }],
  onnx: (emitter, { inputs, outputTypes }) => [
    emitter.node('Reshape', [inputs[0]!, emitter.shape(outputTypes[0]!.shape)], { allowzero: { int: 1 } }),
  ],
  gradient: ([gradient], { inputs: [x], ops }) => [ops.reshape(gradient!, x!.shape)],
  gpu: {
    kind: 'view',
    element: (reader, index, { inputTypes: [x], outputTypes: [y] }) =>
      reader.read(0, reshapeIndex(index, y!.shape, x!.shape, reader.temporary)),
  },
  simplify([x], { shape }) {
    if (equalShapes(x!.shape, resolveReshape(x!.shape, shape))) return [x!];
    if (x!.node.kind !== 'operation' || x!.node.op.name !== 'reshape') return undefined;
    return [apply(reshapeOp, x!.node.inputs, { shape: resolveReshape(x!.shape, shape) })];
  },
  elementsOf: 'every input',
  renames: true,
  flops: () => 0,
});

/** The same elements in row-major order under another shape; one size may be -1, which stands for what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return apply(reshapeOp, [x], { shape });
}

import { countElements, equalShapes } from '../src/graph/dimension.js';
import { composedOf } from '../src/graph/composedOp.js';
import type { Tensor } from '../src/graph/node.js';
import { MICROSOFT_DOMAIN } from '../src/graph/onnxEmitter.js';
import { applyOp, defineOp } from '../src/graph/op.js';
import { add } from './add.js';
import { madeBy } from './families/heads.js';
import { rmsNorm } from './rmsNorm.js';

type AddRmsNormAttributes = { readonly epsilon: number };

const addRmsNormOp = defineOp<AddRmsNormAttributes>({
  name: 'addRmsNorm',
  ...composedOf(([x, added, weight], { epsilon }) => {
    const sum = add(x!, added!);
    return [rmsNorm(sum, weight!, epsilon), sum];
  }),
  onnxOnCpuOnly: true,
  onnx(emitter, { inputs, attributes }) {
    const epsilon = { epsilon: { float: attributes.epsilon } };
    // The two between them are for training.
    const [normed, , , sum] = emitter.nodeWithOutputs(
      'SkipSimplifiedLayerNormalization',
      inputs,
      epsilon,
      4,
      MICROSOFT_DOMAIN,
    );
    return [normed!, sum!];
  },
  fuses({ op, attributes }, [x, weight]) {
    const sum = op.name === 'rmsNorm' ? madeBy('add', x!) : undefined;
    if (!sum || sum.inputs.some(({ shape }) => shape.length !== 3 || !equalShapes(shape, x!.shape)))
      return undefined;
    const [first, second] = sum.inputs as [Tensor, Tensor];
    const { normed, sum: total } = addRmsNorm(first, second, weight!, Number(attributes.epsilon));
    return { outputs: [normed], inputs: { 0: total } };
  },
  flops: ([x]) => 5 * countElements(x!.shape),
});

/** The sum of two tensors `[batch, tokens, features]`, and its `rmsNorm`. */
export function addRmsNorm(
  x: Tensor,
  added: Tensor,
  weight: Tensor,
  epsilon: number,
): { readonly normed: Tensor; readonly sum: Tensor } {
  const [normed, sum] = applyOp(addRmsNormOp, [x, added, weight], { epsilon });
  return { normed: normed!, sum: sum! };
}

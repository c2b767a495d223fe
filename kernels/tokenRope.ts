import { countElements } from '../src/graph/dimension.js';
import { composedOf } from '../src/graph/composedOp.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { beforeSplit, mergeHeads, splitHeads } from './families/heads.js';
import { turnPairs } from './families/pairs.js';
import { rope } from './rope.js';

type TokenRopeAttributes = { readonly heads: number };

const tokenRopeOp = defineOp<TokenRopeAttributes>({
  name: 'tokenRope',
  ...composedOf(([x, positions, cosines, sines], { heads }) => [
    mergeHeads(rope(splitHeads(x!, heads), positions!, cosines!, sines!)),
  ]),
  onnxOnCpuOnly: true,
  onnx: (emitter, { inputs, attributes: { heads } }) => [
    turnPairs(emitter, inputs, { num_heads: { int: heads } }),
  ],
  fuses({ op }, [x, positions, cosines, sines]) {
    const known = op.name === 'rope' ? beforeSplit(x!) : undefined;
    if (!known) return undefined;
    const { rows, heads } = known;
    return { outputs: [splitHeads(tokenRope(rows, heads, positions!, cosines!, sines!), heads)] };
  },
  flops: ([x]) => 3 * countElements(x!.shape),
});

/** `rope` of heads that lie side by side, before they are split. @param x `[batch, length, heads·headDim]` */
export function tokenRope(
  x: Tensor,
  heads: number,
  positions: Tensor,
  cosines: Tensor,
  sines: Tensor,
): Tensor {
  return apply(tokenRopeOp, [x, positions, cosines, sines], { heads });
}

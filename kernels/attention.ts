import { countElements, elementCount, equalDims, formatDim, subtractDims } from '../src/graph/dimension.js';
import { broadcastStrides, zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { broadcastShapes, requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { add } from './add.js';
import { biasOf, HIDDEN } from './families/hiddenScores.js';
import { iota } from './iota.js';
import { lessOrEqual } from './lessOrEqual.js';
import { logicalAnd } from './logicalAnd.js';
import { matmul } from './matmul.js';
import { multiply } from './multiply.js';
import { reshape } from './reshape.js';
import { select } from './select.js';
import { softmax } from './softmax.js';

type AttentionAttributes = { readonly causal: boolean; readonly scale: number };

export interface AttentionOptions {
  /** Query i sees the keys up to i + (keys − queries): each its own and what came before (default false). */
  readonly causal?: boolean;
  /** bool, broadcastable to `[batch, heads, queries, keys]`: which keys a query may see. */
  readonly mask?: Tensor;
  /** Factor of the scores; 1/√headDim when left out. */
  readonly scale?: number;
}

const attentionOp = defineOp<AttentionAttributes>({
  name: 'attention',
  infer([query, key, value, mask]) {
    requireDType([query!, key!, value!], 'f32');
    for (const [operand, what] of [
      [query!, 'the query'],
      [key!, 'the key'],
      [value!, 'the value'],
    ] as const)
      requireRank(operand, 4, what);
    for (const axis of [0, 1]) {
      requireEqualDims(query!.shape[axis]!, key!.shape[axis]!, 'batch and heads of query and key');
      requireEqualDims(query!.shape[axis]!, value!.shape[axis]!, 'batch and heads of query and value');
    }
    requireEqualDims(query!.shape[3]!, key!.shape[3]!, 'head dims of query and key');
    requireEqualDims(key!.shape[2]!, value!.shape[2]!, 'the numbers of keys and values');
    if (mask) {
      requireDType([mask], 'bool');
      const scores = [...query!.shape.slice(0, 3), key!.shape[2]!];
      const common = broadcastShapes(scores, mask.shape);
      if (common.length !== 4 || common.some((size, axis) => formatDim(size) !== formatDim(scores[axis]!)))
        throw new RangeError('the mask does not fit the scores');
    }
    return [{ dtype: 'f32', shape: [...query!.shape.slice(0, 3), value!.shape[3]!] }];
  },
  reference([query, key, value, mask], { causal, scale }, [output]) {
    const result = zeros('f32', output!.shape);
    const [batch, heads, queries, headDim] = query!.shape as [number, number, number, number];
    const keys = key!.shape[2]!;
    const valueDim = value!.shape[3]!;
    const maskStrides = mask && broadcastStrides(mask.shape, [batch, heads, queries, keys]);
    for (let row = 0; row < batch * heads * queries; row++) {
      const [head, position] = [Math.floor(row / queries), row % queries];
      const place = [Math.floor(head / heads), head % heads, position];
      const weights = Array.from({ length: keys }, (_, at) => {
        const shown = maskStrides
          ? mask.data[
              [...place, at].reduce((offset, index, axis) => offset + index * maskStrides[axis]!, 0)
            ] !== 0
          : true;
        if (!shown || (causal && at > position + keys - queries)) return HIDDEN;
        let score = 0;
        for (let i = 0; i < headDim; i++)
          score += query!.data[row * headDim + i]! * key!.data[(head * keys + at) * headDim + i]!;
        return score * scale;
      });
      const largest = Math.max(...weights);
      const exponentials = weights.map((score) => Math.exp(score - largest));
      const total = exponentials.reduce((sum, weight) => sum + weight, 0);
      for (const [at, weight] of exponentials.entries())
        for (let i = 0; i < valueDim; i++)
          result.data[row * valueDim + i]! +=
            (weight / total) * value!.data[(head * keys + at) * valueDim + i]!;
    }
    return [result];
  },
  onnxOnCpuOnly: true,
  // The scores and their shares.
  onnxScratch: ([query, key]) => elementCount([2, ...query!.shape.slice(0, 3), key!.shape[2]!]),
  // The standard's causal mask counts from the first key, ours from the last: the same where there are as many of both.
  onnxTakes: ([query, key, , mask], { causal }) =>
    !causal || (!mask && equalDims(query!.shape[2]!, key!.shape[2]!)),
  onnx(emitter, { inputs: [query, key, value, mask], attributes: { causal, scale } }) {
    const bias = mask && biasOf(emitter, mask);
    return [
      emitter.node('Attention', [query!, key!, value!, ...(bias === undefined ? [] : [bias])], {
        scale: { float: scale },
        ...(causal && { is_causal: { int: 1 } }),
      }),
    ];
  },
  decompose([query, key, value, mask], { causal, scale }) {
    const scores = matmul(multiply(query!, scale), key!, { transposeRight: true });
    return [matmul(softmax(hide(scores, query!, key!, mask, causal)), value!)];
  },
  flops: ([query, key, value], [output]) =>
    2 * countElements(query!.shape) * key!.shape[2]! + 2 * countElements(output!.shape) * value!.shape[2]!,
});

/** The scores with {@link HIDDEN} in place of those that may not be seen. */
function hide(scores: Tensor, query: Tensor, key: Tensor, mask: Tensor | undefined, causal: boolean): Tensor {
  // Where each query sees its own key, no row is hidden whole, and what is added makes a weight of 0 as well. It has no
  // gradient, and adding a small constant is cheaper than choosing.
  if (causal && !mask && equalDims(query.shape[2]!, key.shape[2]!))
    return add(scores, select(causalMask(query, key), 0, HIDDEN));
  const visible = [...(mask ? [mask] : []), ...(causal ? [causalMask(query, key)] : [])];
  return visible.length === 0 ? scores : select(visible.reduce(logicalAnd), scores, HIDDEN);
}

/** bool `[queries, keys]`: key j is visible to query i when j ≤ i + keys − queries. */
function causalMask(query: Tensor, key: Tensor): Tensor {
  const [queries, keys] = [query.shape[2]!, key.shape[2]!];
  const last = add(iota(queries), iota(1, subtractDims(keys, queries)));
  return lessOrEqual(reshape(iota(keys), [1, keys]), reshape(last, [queries, 1]));
}

/**
 * softmax(query·keyᵀ·scale)·value, head by head.
 * @param query `[batch, heads, queries, headDim]`
 * @param key `[batch, heads, keys, headDim]`
 * @param value `[batch, heads, keys, valueDim]`
 * @returns `[batch, heads, queries, valueDim]`
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { causal = false, mask, scale = 1 / Math.sqrt(Number(query.shape[3])) }: AttentionOptions = {},
): Tensor {
  return apply(attentionOp, mask ? [query, key, value, mask] : [query, key, value], { causal, scale });
}

import { addDims, countElements, elementCount, multiplyDims } from '../src/graph/dimension.js';
import { composedOf } from '../src/graph/composedOp.js';
import type { Tensor } from '../src/graph/node.js';
import { applyOp, defineOp } from '../src/graph/op.js';
import { attention } from './attention.js';
import { concat } from './concat.js';
import { beforeSplit, madeBy, mergeHeads, type SideBySide, splitHeads } from './families/heads.js';
import { biasOf } from './families/hiddenScores.js';

type CachedAttentionAttributes = { readonly heads: number; readonly scale: number };

const cachedAttentionOp = defineOp<CachedAttentionAttributes>({
  name: 'cachedAttention',
  ...composedOf(([query, key, value, pastKey, pastValue, mask], { heads, scale }) => {
    const keys = concat([pastKey!, splitHeads(key!, heads)], 2);
    const values = concat([pastValue!, splitHeads(value!, heads)], 2);
    const attended = attention(splitHeads(query!, heads), keys, values, { scale, ...(mask && { mask }) });
    return [mergeHeads(attended), keys, values];
  }),
  onnxOnCpuOnly: true,
  // The scores and their shares.
  onnxScratch: ([query, key, , past], { heads }) =>
    [2, heads, elementCount(query!.shape.slice(0, 2)), addDims(past!.shape[2]!, key!.shape[1]!)].reduce(
      multiplyDims,
    ),
  onnx(emitter, { inputs: [query, key, value, pastKey, pastValue, mask], attributes: { heads, scale } }) {
    const bias = mask === undefined ? '' : biasOf(emitter, mask);
    const attributes = { scale: { float: scale }, q_num_heads: { int: heads }, kv_num_heads: { int: heads } };
    return emitter.nodeWithOutputs(
      'Attention',
      [query!, key!, value!, bias, pastKey!, pastValue!],
      attributes,
      3,
    );
  },
  fuses({ op, attributes }, [query, key, value, mask]) {
    if (op.name !== 'attention' || attributes.causal === true) return undefined;
    const queries = beforeSplit(query!);
    const [keys, values] = [grown(key!), grown(value!)];
    if (!queries || !keys || !values) return undefined;
    const { heads } = queries;
    const added = { key: keys.rows, value: values.rows };
    const past = { key: keys.past, value: values.past };
    const all = cachedAttention(queries.rows, added, past, { heads, scale: Number(attributes.scale), mask });
    return { outputs: [splitHeads(all.attended, heads)], inputs: { 1: all.keys, 2: all.values } };
  },
  flops: ([query], [, keys, values]) =>
    2 * countElements(query!.shape) * keys!.shape[2]! + 2 * countElements(values!.shape) * query!.shape[1]!,
});

/** What is new, and what of the past it follows, where a tensor `[batch, heads, keys, headDim]` is both. */
function grown(tensor: Tensor): (SideBySide & { readonly past: Tensor }) | undefined {
  const joined = madeBy('concat', tensor);
  if (joined?.inputs.length !== 2 || joined.attributes.axis !== 2) return undefined;
  const [past, added] = joined.inputs as [Tensor, Tensor];
  const known = beforeSplit(added);
  return known && { ...known, past };
}

/** What `cachedAttention` gives. */
export interface CachedAttention {
  /** `[batch, queries, heads·valueDim]` */
  readonly attended: Tensor;
  /** All keys and all values, `[batch, heads, past + tokens, …]`. */
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * `attention` of heads that lie side by side to a past and what is new, which follow one another in what comes out.
 * @param query `[batch, queries, heads·headDim]`
 * @param added keys and values `[batch, tokens, heads·…]`, of one token at least: onnxruntime refuses none
 * @param past keys and values `[batch, heads, past, …]`
 */
export function cachedAttention(
  query: Tensor,
  added: { readonly key: Tensor; readonly value: Tensor },
  past: { readonly key: Tensor; readonly value: Tensor },
  { heads, scale, mask }: CachedAttentionAttributes & { readonly mask?: Tensor | undefined },
): CachedAttention {
  const inputs = [query, added.key, added.value, past.key, past.value, ...(mask ? [mask] : [])];
  const [attended, keys, values] = applyOp(cachedAttentionOp, inputs, { heads, scale });
  return { attended: attended!, keys: keys!, values: values! };
}

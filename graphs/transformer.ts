import { add, concat, linear, multiply, rmsNormLayer, scope, silu, type Tensor } from '../src/dsl/index.js';
import { type Dropout, NO_DROPOUT } from './dropout.js';

export { mergeHeads, splitHeads } from '../src/dsl/index.js';

/** Keys and values, `[batch, heads, tokens, headDim]` each. */
export interface KeyValue {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** What a layer attends to: the cached past, if any, then what is new. */
export function withPast(past: KeyValue | undefined, present: KeyValue): KeyValue {
  if (!past) return present;
  return { key: concat([past.key, present.key], 2), value: concat([past.value, present.value], 2) };
}

/** The gated feed-forward network w2(silu(w1 x)·w3 x) (Shazeer, 2020). */
export function swiGlu(x: Tensor, hidden: number): Tensor {
  const gated = multiply(silu(linear('w1', x, hidden)), linear('w3', x, hidden));
  return linear('w2', gated, Number(x.shape.at(-1)));
}

/** Hidden features of the feed-forward network: 8·dim/3, rounded up to a multiple. */
export function swiGluHidden(dim: number, multipleOf: number): number {
  return Math.ceil(Math.floor((8 * dim) / 3) / multipleOf) * multipleOf;
}

/** Names of a pre-norm block's parts, which differ between checkpoints. */
export interface BlockNames {
  readonly attention: string;
  readonly attentionNorm: string;
  readonly feedForward: string;
  readonly feedForwardNorm: string;
}

/** x + attention(norm(x)), then that + feedForward(norm(that)); what is added passes through dropout in training. */
export function preNormBlock(
  x: Tensor,
  names: BlockNames,
  config: {
    readonly normEpsilon: number;
    readonly feedForwardHidden: number;
    readonly dropout?: Dropout | undefined;
  },
  attend: (normed: Tensor) => Tensor,
): Tensor {
  const { dropout = NO_DROPOUT } = config;
  const normed = rmsNormLayer(names.attentionNorm, x, config.normEpsilon);
  const attended = add(
    x,
    scope(names.attention, () => dropout(attend(normed))),
  );
  const normedAgain = rmsNormLayer(names.feedForwardNorm, attended, config.normEpsilon);
  return add(
    attended,
    scope(names.feedForward, () => dropout(swiGlu(normedAgain, config.feedForwardHidden))),
  );
}

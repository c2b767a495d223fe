import {
  addDims,
  attention,
  type AttentionOptions,
  concat,
  crossEntropy,
  dim,
  type Dim,
  embeddingTable,
  input,
  linear,
  mean,
  rmsNormLayer,
  scope,
  slice,
  type Tensor,
} from '../src/dsl/index.js';
import { type Dropout, NO_DROPOUT } from './dropout.js';
import { type Grid, type RopeScaling, type Rotary, type RotaryTable, rotaryTable, rotate } from './rotary.js';
import {
  type KeyValue,
  mergeHeads,
  preNormBlock,
  splitHeads,
  swiGluHidden,
  withPast,
} from './transformer.js';

/** Sizes of a decoder as LlamaGen and what builds on it have it (docs/SYSTEMS.md, LlamaGen). */
export interface DecoderConfig {
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabularySize: number;
  readonly classes: number;
  /** The token grid that the model was trained on. */
  readonly grid: Grid;
  /** The feed-forward network's hidden size is rounded up to a multiple of this. */
  readonly multipleOf: number;
  readonly ropeBase: number;
  readonly normEpsilon: number;
}

const BLOCK_NAMES = {
  attention: 'attention',
  attentionNorm: 'attention_norm',
  feedForward: 'feed_forward',
  feedForwardNorm: 'ffn_norm',
} as const;

/** The RoPE table for a grid, which may differ from the trained one. */
export function decoderRope(config: DecoderConfig, grid: Grid, scaling: RopeScaling): RotaryTable {
  const { grid: trained } = config;
  return rotaryTable(grid, config.dim / config.heads, config.ropeBase, { trained, scaling });
}

/** How the decoder is run. */
interface DecoderOptions {
  /**
   * What an entry sees of what is fed: itself and what comes before it (the default), all of it, or what a mask says, bool
   * broadcastable to `[batch, heads, queries, keys]`. It sees the whole past in the first two.
   */
  readonly sees?: 'causal' | 'all' | Tensor;
  readonly dropout?: Dropout;
  /** Keys and values of earlier calls, layer by layer. */
  readonly past?: readonly KeyValue[];
}

/** Embeddings of classes, the null class last: i32 `[batch, n]` → `[batch, n, dim]` */
export function classEmbedding(ids: Tensor, { classes, dim: width }: DecoderConfig): Tensor {
  return scope('cls_embedding', () => embeddingTable('embedding_table', classes + 1, width)(ids));
}

/** Embeddings of image tokens: i32 `[batch, n]` → `[batch, n, dim]` */
export function tokenEmbedding(ids: Tensor, { vocabularySize, dim: width }: DecoderConfig): Tensor {
  return embeddingTable('tok_embeddings', vocabularySize, width)(ids);
}

/** What a decoder gives, layer by layer: states `[batch, tokens, dim]`; keys and values, those of the past first. */
interface Decoded {
  readonly states: readonly Tensor[];
  readonly keyValues: readonly KeyValue[];
}

/** What is seen of what is fed, as attention takes it. */
function attentionOptions(sees: NonNullable<DecoderOptions['sees']>): AttentionOptions {
  if (sees === 'causal') return { causal: true };
  return sees === 'all' ? {} : { mask: sees };
}

/** All blocks. */
export function decoder(
  x: Tensor,
  rotary: Rotary,
  config: DecoderConfig,
  { sees = 'causal', dropout = NO_DROPOUT, past }: DecoderOptions = {},
): Decoded {
  const { heads, normEpsilon, multipleOf } = config;
  const feedForwardHidden = swiGluHidden(config.dim, multipleOf);
  const seen = attentionOptions(sees);
  const keyValues: KeyValue[] = [];
  const states: Tensor[] = [];
  let stream = dropout(x);
  for (let layer = 0; layer < config.layers; layer++) {
    stream = scope(`layers.${layer}`, () =>
      preNormBlock(stream, BLOCK_NAMES, { normEpsilon, feedForwardHidden, dropout }, (normed) => {
        const stacked = linear('wqkv', normed, 3 * config.dim);
        const part = (index: number) =>
          splitHeads(slice(stacked, { axis: 2, start: index * config.dim, length: config.dim }), heads);
        const query = rotate(part(0), rotary);
        const visible = withPast(past?.[layer], { key: rotate(part(1), rotary), value: part(2) });
        keyValues.push(visible);
        return linear('wo', mergeHeads(attention(query, visible.key, visible.value, seen)), config.dim);
      }),
    );
    states.push(stream);
  }
  return { states, keyValues };
}

/** The states as outputs of a graph, for comparing with numbers of official code: `hidden.LAYER`. */
export function hiddenOutputs(states: readonly Tensor[]): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(states.map((state, layer) => [`hidden.${layer}`, state]));
}

/** Final norm and head: `[batch, tokens, dim]` → `[batch, tokens, vocabulary]` */
export function tokenHead(states: Tensor, config: DecoderConfig): Tensor {
  const normed = rmsNormLayer('norm', states, config.normEpsilon);
  return linear('output', normed, config.vocabularySize, { kind: 'zeros' });
}

/** The mean cross-entropy in nats. @param targets i32 `[batch, tokens]` */
export function tokenLoss(logits: Tensor, targets: Tensor): Tensor {
  return scope('loss', () => mean(crossEntropy(logits, targets)));
}

/** The inputs of a step that continues from a cache: what is fed, and each layer's keys and values so far. */
export interface StepInputs {
  /** i32 `[batch, prefix]`: the class in the first step, empty afterwards. */
  readonly classIds: Tensor;
  /** i32 `[batch, tokens]`: image tokens. */
  readonly tokenIds: Tensor;
  /** i32 `[batch, prefix + tokens]`: rows of the RoPE table of what is fed. */
  readonly contentPositions: Tensor;
  readonly past: readonly KeyValue[];
  /** All of them, in call order. */
  readonly all: readonly Tensor[];
}

const cacheName = (layer: number, part: 'key' | 'value') => `layers.${layer}.${part}`;

/** Declares each layer's keys and values so far, `past.*` `[batch, heads, past, headDim]`. */
export function pastInputs(
  { layers, heads, dim: width }: Pick<DecoderConfig, 'layers' | 'heads' | 'dim'>,
  batch: Dim,
): readonly KeyValue[] {
  const shape: readonly Dim[] = [batch, heads, dim('past'), width / heads];
  return Array.from({ length: layers }, (_, layer) => ({
    key: input(`past.${cacheName(layer, 'key')}`, 'f32', shape),
    value: input(`past.${cacheName(layer, 'value')}`, 'f32', shape),
  }));
}

/** Declares the inputs of a step. */
export function stepInputs(config: DecoderConfig): StepInputs {
  const batch = dim('batch');
  const [prefix, tokens] = [dim('prefix'), dim('tokens')];
  const classIds = input('class_ids', 'i32', [batch, prefix]);
  const tokenIds = input('token_ids', 'i32', [batch, tokens]);
  const contentPositions = input('content_positions', 'i32', [batch, addDims(prefix, tokens)]);
  const past = pastInputs(config, batch);
  const caches = past.flatMap(({ key, value }) => [key, value]);
  return {
    classIds,
    tokenIds,
    contentPositions,
    past,
    all: [classIds, tokenIds, contentPositions, ...caches],
  };
}

/** What is fed in a step, embedded: `[batch, prefix + tokens, dim]` */
export function embedContent({ classIds, tokenIds }: StepInputs, config: DecoderConfig): Tensor {
  return concat([classEmbedding(classIds, config), tokenEmbedding(tokenIds, config)], 1);
}

/** The outputs that replace the caches in the next step. */
export function presentOutputs(keyValues: readonly KeyValue[]): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    keyValues.flatMap(({ key, value }, layer) => [
      [`present.${cacheName(layer, 'key')}`, key],
      [`present.${cacheName(layer, 'value')}`, value],
    ]),
  );
}

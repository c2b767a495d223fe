import {
  add,
  attention,
  broadcastTo,
  concat,
  constant,
  crossEntropy,
  type Dim,
  dim,
  embedding,
  type Graph,
  gather,
  input,
  iota,
  lessOrEqual,
  linear,
  makeGraph,
  mean,
  minimum,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  rmsNormLayer,
  scope,
  slice,
  type Tensor,
} from '../src/dsl/index.js';
import { type Dropout, keyedDropout, NO_DROPOUT } from './dropout.js';
import {
  CLASS_ROTARY_INDEX,
  type Grid,
  type RopeScaling,
  type Rotary,
  rotaryIndex,
  rotaryTable,
  rotate,
} from './rotary.js';
import {
  type KeyValue,
  mergeHeads,
  preNormBlock,
  splitHeads,
  swiGluHidden,
  withPast,
} from './transformer.js';

/** Sizes of an ARPG network (docs/SYSTEMS.md, ARPG network). */
export interface ArpgConfig {
  readonly dim: number;
  /** Both decoders together: half of the layers each. */
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
  /**
   * Whether content and queries also carry their position as such, not only as a turn of queries and keys. The published
   * models do without; there a query that sees the class token alone cannot tell where it lies.
   */
  readonly absolutePositions: boolean;
}

/**
 * Rows of the one embedding table: image tokens, the [MASK] query, the classes, the null class, the position (unused in
 * the published models).
 */
export const embeddingRows = {
  mask: (config: ArpgConfig) => config.vocabularySize,
  classLabel: (config: ArpgConfig, label: number) => config.vocabularySize + 1 + label,
  nullClass: (config: ArpgConfig) => config.vocabularySize + 1 + config.classes,
  position: (config: ArpgConfig) => config.vocabularySize + 2 + config.classes,
  count: (config: ArpgConfig) => config.vocabularySize + config.classes + 3,
} as const;

const BLOCK_NAMES = {
  attention: 'attn',
  attentionNorm: 'attn_norm',
  feedForward: 'ffn',
  feedForwardNorm: 'ffn_norm',
} as const;

/** How the network is run: training hides later tokens and drops elements, sampling continues from a cache. */
interface PassOptions {
  readonly causal: boolean;
  /** bool, broadcastable to `[batch, heads, queries, content]`: which content a query may see, instead of `causal`. */
  readonly seen?: Tensor;
  readonly past?: ArpgCache;
  readonly dropout?: Dropout;
  readonly ropeScaling?: RopeScaling;
}

function block(
  x: Tensor,
  config: ArpgConfig,
  { dropout }: PassOptions,
  attend: (normed: Tensor) => Tensor,
): Tensor {
  const { normEpsilon, multipleOf } = config;
  const feedForwardHidden = swiGluHidden(config.dim, multipleOf);
  return preNormBlock(x, BLOCK_NAMES, { normEpsilon, feedForwardHidden, dropout }, attend);
}

/** Caches of pass 1: each self-decoder layer's keys and values, and the pair that the cross-decoder shares. */
interface ArpgCache {
  readonly selfDecoder: readonly KeyValue[];
  readonly shared: KeyValue;
}

/**
 * Pass 1: content tokens `[batch, content, dim]` → their keys and values for the cross-decoder.
 * Training hides later tokens; in sampling, tokens fed together see each other and the whole past.
 */
function selfDecoder(content: Tensor, rotary: Rotary, config: ArpgConfig, options: PassOptions): ArpgCache {
  const { heads } = config;
  const { causal, past } = options;
  const keyValues: KeyValue[] = [];
  let x = content;
  for (let layer = 0; layer < config.layers / 2; layer++) {
    x = scope(`self_dec.${layer}`, () =>
      block(x, config, options, (normed) => {
        const query = rotate(splitHeads(linear('to_q', normed, config.dim), heads), rotary);
        const key = rotate(splitHeads(linear('to_k', normed, config.dim), heads), rotary);
        const value = splitHeads(linear('to_v', normed, config.dim), heads);
        const visible = withPast(past?.selfDecoder[layer], { key, value });
        keyValues.push(visible);
        const attended = attention(query, visible.key, visible.value, { causal });
        return linear('proj', mergeHeads(attended), config.dim);
      }),
    );
  }
  const states = rmsNormLayer('norm', x, config.normEpsilon);
  const key = rotate(splitHeads(linear('to_k', states, config.dim), heads), rotary);
  const value = splitHeads(linear('to_v', states, config.dim), heads);
  return { selfDecoder: keyValues, shared: withPast(past?.shared, { key, value }) };
}

/**
 * Pass 2: one [MASK] query per target position, told apart by RoPE alone, attends to the shared keys and values
 * and never to other queries. `[batch, queries, dim]`
 */
function crossDecoder(
  queries: Tensor,
  rotary: Rotary,
  shared: KeyValue,
  config: ArpgConfig,
  options: PassOptions,
): Tensor {
  const { causal, seen } = options;
  const visible = seen ? { mask: seen } : { causal };
  let x = queries;
  for (let layer = 0; layer < config.layers / 2; layer++) {
    x = scope(`cross_dec.${layer}`, () =>
      block(x, config, options, (normed) => {
        const query = rotate(splitHeads(linear('to_q', normed, config.dim), config.heads), rotary);
        const attended = attention(query, shared.key, shared.value, visible);
        return linear('proj', mergeHeads(attended), config.dim);
      }),
    );
  }
  return x;
}

/** Where content and queries lie: i32 `[batch, content]` and `[batch, queries]`, rows of the RoPE table. */
interface Places {
  readonly content: Tensor;
  readonly queries: Tensor;
}

function embeddingTable(config: ArpgConfig): Tensor {
  return scope('embeddings', () =>
    parameter('weight', [embeddingRows.count(config), config.dim], NORMAL_INITIALIZER),
  );
}

/** What tells tokens of a grid where they lie: RoPE's table, and the one that turns the position vector. */
function positionTables(config: ArpgConfig, grid: Grid, ropeScaling: RopeScaling) {
  const tableOf = (scaling: RopeScaling) =>
    rotaryTable(grid, config.dim / config.heads, config.ropeBase, { trained: config.grid, scaling });
  // An absolute position is a place in the picture, however many tokens the picture has.
  return { rope: tableOf(ropeScaling), absolute: tableOf('interpolate') };
}

/**
 * Adds to `[batch, tokens, dim]` one learned vector, turned head by head by each token's position as RandAR's
 * instruction tokens are. The class token, whose entry of the table is zero, gets nothing.
 */
function withPositions(x: Tensor, embeddings: Tensor, turned: Rotary, config: ArpgConfig): Tensor {
  if (!config.absolutePositions) return x;
  const row = slice(embeddings, { axis: 0, start: embeddingRows.position(config), length: 1 });
  return add(x, mergeHeads(rotate(splitHeads(broadcastTo(row, x.shape), config.heads), turned)));
}

/** Both passes: embedding ids of the content → logits `[batch, queries, vocabulary]`, and the cache. */
function arpg(
  contentIds: Tensor,
  places: Places,
  config: ArpgConfig,
  grid: Grid,
  options: PassOptions,
): { readonly logits: Tensor; readonly cache: ArpgCache } {
  const { dropout = NO_DROPOUT, ropeScaling = 'extend' } = options;
  const { rope: table, absolute } = positionTables(config, grid, ropeScaling);
  const embeddings = embeddingTable(config);
  const placed = (x: Tensor, indices: Tensor) =>
    withPositions(x, embeddings, { table: absolute, indices }, config);
  const content = dropout(placed(embedding(embeddings, contentIds), places.content));
  const mask = slice(embeddings, { axis: 0, start: embeddingRows.mask(config), length: 1 });
  const queries = placed(broadcastTo(mask, [...places.queries.shape, config.dim]), places.queries);
  const { cache, decoded } = scope('layers', () => {
    const states = selfDecoder(content, { table, indices: places.content }, config, options);
    const predicted = crossDecoder(
      queries,
      { table, indices: places.queries },
      states.shared,
      config,
      options,
    );
    return { cache: states, decoded: predicted };
  });
  const normed = rmsNormLayer('norm', decoded, config.normEpsilon);
  return { logits: linear('head', normed, config.vocabularySize, { kind: 'zeros' }), cache };
}

/** Names of the step graph's cache inputs and outputs, pairs in the same order. */
export function cacheNames(
  config: ArpgConfig,
): readonly { readonly past: string; readonly present: string }[] {
  const layers = Array.from({ length: config.layers / 2 }, (_, layer) => `self_dec.${layer}`);
  return [...layers, 'shared'].flatMap((layer) =>
    ['key', 'value'].map((part) => ({ past: `past.${layer}.${part}`, present: `present.${layer}.${part}` })),
  );
}

/**
 * One sampling step with a KV cache.
 *
 * Inputs: `content_ids` i32 `[batch, content]`, rows of the embedding table; `content_positions` i32
 * `[batch, content]` and `query_positions` i32 `[batch, queries]`, rows of the RoPE table (0 the class token, 1 + p
 * raster position p); the cache of earlier steps, `past.*` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, queries, vocabulary]`; the cache for the next step, `present.*`.
 * @param grid the token grid to sample, which may differ from the trained one
 * @param ropeScaling how positions of another grid are turned
 */
export function arpgStep(
  config: ArpgConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
): Graph {
  const batch = dim('batch');
  const places = {
    content: input('content_positions', 'i32', [batch, dim('content')]),
    queries: input('query_positions', 'i32', [batch, dim('queries')]),
  };
  const contentIds = input('content_ids', 'i32', [batch, dim('content')]);
  const names = cacheNames(config);
  const cacheShape: readonly Dim[] = [batch, config.heads, dim('past'), config.dim / config.heads];
  const cacheInputs = names.map(({ past }) => input(past, 'f32', cacheShape));
  const pairs = pairUp(cacheInputs);
  const past: ArpgCache = { selfDecoder: pairs.slice(0, -1), shared: pairs.at(-1)! };
  const { logits, cache } = arpg(contentIds, places, config, grid, { causal: false, past, ropeScaling });
  return makeGraph('arpg-step', [contentIds, places.content, places.queries, ...cacheInputs], {
    logits,
    ...presentOutputs(cache, config),
  });
}

/**
 * Pass 1 over the class token and known tokens before the first sampling step. Each sees those before it, as in training:
 * a network trained so is misled by many tokens that all see each other.
 *
 * Inputs: `content_ids` and `content_positions` as for the step. Outputs: the cache for the first step, `present.*`.
 */
export function arpgPrefill(
  config: ArpgConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
): Graph {
  const shape = [dim('batch'), dim('content')];
  const contentIds = input('content_ids', 'i32', shape);
  const indices = input('content_positions', 'i32', shape);
  const { rope: table, absolute } = positionTables(config, grid, ropeScaling);
  const embeddings = embeddingTable(config);
  const ids = embedding(embeddings, contentIds);
  const content = withPositions(ids, embeddings, { table: absolute, indices }, config);
  const cache = scope('layers', () => selfDecoder(content, { table, indices }, config, { causal: true }));
  return makeGraph('arpg-prefill', [contentIds, indices], presentOutputs(cache, config));
}

function presentOutputs({ selfDecoder: layers, shared }: ArpgCache, config: ArpgConfig) {
  const present = [...layers, shared].flatMap(({ key, value }) => [key, value]);
  return Object.fromEntries(cacheNames(config).map((name, index) => [name.present, present[index]!]));
}

function pairUp(tensors: readonly Tensor[]): readonly KeyValue[] {
  return Array.from({ length: tensors.length / 2 }, (_, pair) => ({
    key: tensors[2 * pair]!,
    value: tensors[2 * pair + 1]!,
  }));
}

/** How a network is trained. */
export interface ArpgTrainingOptions {
  /** Share of elements dropped from embeddings, attention output and feed-forward output (default 0). */
  readonly dropout?: number;
  /**
   * What a prediction rests on: the class and all tokens before it in its order (default); the class and so many of these
   * at most as the input `known` says of each picture; or the class alone.
   */
  readonly context?: 'before' | 'known' | 'class';
}

/** Query t sees the class token and the t tokens before it, and no more than `known` of them. `[batch, 1, positions, positions]` */
function visibleContent(known: Tensor, positions: number): Tensor {
  const places = iota(positions);
  const most = minimum(reshape(places, [1, 1, positions, 1]), reshape(known, [known.shape[0]!, 1, 1, 1]));
  return lessOrEqual(reshape(places, [1, 1, 1, positions]), most);
}

/**
 * The teacher-forced forward pass (docs/SYSTEMS.md, ARPG training).
 *
 * Inputs: `tokens` i32 `[batch, positions]` in raster order, `class_ids` i32 `[batch]` (the null class is the
 * number of classes), `orders` i32 `[batch, positions]`: at step t, position `orders[t]` is predicted; with the context
 * `known`, `known` i32 `[batch]`; with dropout, `dropout_key` i32 `[4]` (the halves of two words). Outputs: `logits` `[batch, positions, vocabulary]`
 * in the order of the permutation; `loss`, the mean cross-entropy in nats.
 */
export function arpgTeacherForced(config: ArpgConfig, options: ArpgTrainingOptions = {}): Graph {
  const { dropout = 0, context = 'before' } = options;
  const batch = dim('batch');
  const positions = config.grid.height * config.grid.width;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const orders = input('orders', 'i32', [batch, positions]);
  const shuffled = gather(tokens, orders);
  const allButLast = (x: Tensor) => slice(x, { axis: 1, start: 0, length: positions - 1 });
  const classTokens = reshape(add(classIds, embeddingRows.classLabel(config, 0)), [batch, 1]);
  const classPlaces = broadcastTo(constant('i32', [1, 1], [CLASS_ROTARY_INDEX]), [batch, 1]);
  const targets = rotaryIndex(orders);
  const contentOf = (ofClass: Tensor, ofTokens: Tensor) =>
    context === 'class' ? ofClass : concat([ofClass, allButLast(ofTokens)], 1);
  const places = { content: contentOf(classPlaces, targets), queries: targets };
  const known = input('known', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  const { logits } = arpg(contentOf(classTokens, shuffled), places, config, config.grid, {
    causal: context !== 'class',
    ...(context === 'known' && { seen: visibleContent(known, positions) }),
    dropout: keyedDropout(dropout, key),
  });
  const loss = scope('loss', () => mean(crossEntropy(logits, shuffled)));
  const inputs = [
    ...[tokens, classIds, orders],
    ...(context === 'known' ? [known] : []),
    ...(dropout > 0 ? [key] : []),
  ];
  return makeGraph('arpg-teacher-forced', inputs, { logits, loss });
}

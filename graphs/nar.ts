import {
  add,
  broadcastTo,
  concat,
  type Dim,
  dim,
  type Graph,
  gather,
  input,
  iota,
  linear,
  makeGraph,
  multiply,
  reshape,
  rmsNormLayer,
  slice,
  type Tensor,
} from '../src/dsl/index.js';
import {
  classEmbedding,
  decoder,
  type DecoderConfig,
  decoderRope,
  embedContent,
  hiddenOutputs,
  presentOutputs,
  stepInputs,
  tokenEmbedding,
  tokenHead,
  tokenLoss,
} from './decoder.js';
import { entryDistances, type Sources, sourcesOf } from './diagonals.js';
import { keyedDropout } from './dropout.js';
import { rankMask } from './rankMask.js';
import type { Grid, RopeScaling } from './rotary.js';
import { sameForAll } from './sameForAll.js';

/** A decoder with a second head, which lies some layers deeper than the first. */
export interface NarConfig extends DecoderConfig {
  /** Layers between the first head and the second; `layers` are those before the first. */
  readonly belowLayers: number;
}

/** All layers as one stream. */
const wholeStream = (config: NarConfig): DecoderConfig => ({
  ...config,
  layers: config.layers + config.belowLayers,
});

/** What the heads read, or what they say: of the token to the right, and of the token below. */
interface Heads {
  readonly right: Tensor;
  readonly below: Tensor;
}

/** The states that the heads read: the first after the main layers, the second at the end. */
function statesOfHeads(states: readonly Tensor[], { layers }: NarConfig): Heads {
  return { right: states[layers - 1]!, below: states.at(-1)! };
}

/** The heads: `[batch, n, dim]` each → `[batch, n, vocabulary]` each. */
function headLogits({ right, below }: Heads, config: NarConfig): Heads {
  const normed = rmsNormLayer('medusa_norm', below, config.normEpsilon);
  return { right: tokenHead(right, config), below: linear('medusa_output', normed, config.vocabularySize) };
}

/** Which entry each head is asked at for a token, and the share of what it says: i32 and f32 `[batch, queries]`. */
interface Mix {
  readonly indices: Heads;
  readonly weights: Heads;
}

/** The entries at the indices: `[batch, n, width]` and i32 `[batch, m]` → `[batch, m, width]` */
function entriesAt(x: Tensor, indices: Tensor): Tensor {
  const [batch, count] = indices.shape as [Dim, Dim];
  const width = x.shape[2]!;
  return gather(x, broadcastTo(reshape(indices, [batch, count, 1]), [batch, count, width]), 1);
}

const pick = ({ right, below }: Heads, indices: Heads): Heads => ({
  right: entriesAt(right, indices.right),
  below: entriesAt(below, indices.below),
});

/** What both say of each token, with their shares: `[batch, queries, vocabulary]` */
function weightedSum({ right, below }: Heads, weights: Heads): Tensor {
  const share = (weight: Tensor) => reshape(weight, [...weight.shape, 1]);
  return add(multiply(right, share(weights.right)), multiply(below, share(weights.below)));
}

/**
 * The outputs of the heads: the mixed logits of what is asked for, and of the whole also what each says at every entry.
 * Otherwise only the entries that are asked at go through the heads.
 */
function headOutputs(
  states: Heads,
  { indices, weights }: Mix,
  config: NarConfig,
  whole: boolean,
): Readonly<Record<string, Tensor>> & { readonly logits: Tensor } {
  if (!whole) return { logits: weightedSum(headLogits(pick(states, indices), config), weights) };
  const { right, below } = headLogits(states, config);
  const logits = weightedSum(pick({ right, below }, indices), weights);
  return { logits, right_logits: right, below_logits: below };
}

/** Whether what goes on inside is given as well, at every entry: for comparing with the numbers of the official code. */
interface WholeOption {
  readonly whole?: boolean;
}

/**
 * One sampling step with a KV cache: the class or an anti-diagonal of tokens → the logits of the next. All that is fed at once
 * sees each other and the whole past.
 *
 * Inputs: `class_ids` i32 `[batch, prefix]`, the class in the first step, the null class being the number of classes;
 * `token_ids` i32 `[batch, tokens]`; `content_positions` i32 `[batch, prefix + tokens]`, rows of the RoPE table (0 the
 * class, 1 + p raster position p); for each token that is asked for, `right_indices` and `below_indices` i32
 * `[batch, queries]`, the entry whose word each head gives, and `right_weights` and `below_weights` f32
 * `[batch, queries]`, their shares; the cache, `past.*` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, queries, vocabulary]`; the cache for the next step, `present.*`; of the whole, also
 * `right_logits` and `below_logits` `[batch, prefix + tokens, vocabulary]`.
 */
export function narStep(
  config: NarConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
  { whole = false }: WholeOption = {},
): Graph {
  const stream = wholeStream(config);
  const inputs = stepInputs(stream);
  const asked = [inputs.contentPositions.shape[0]!, dim('queries')];
  const indices = {
    right: input('right_indices', 'i32', asked),
    below: input('below_indices', 'i32', asked),
  };
  const weights = {
    right: input('right_weights', 'f32', asked),
    below: input('below_weights', 'f32', asked),
  };
  const rotary = { table: decoderRope(config, grid, ropeScaling), indices: inputs.contentPositions };
  const { states, keyValues } = decoder(embedContent(inputs, config), rotary, stream, {
    sees: 'all',
    past: inputs.past,
  });
  const mixing = [indices.right, indices.below, weights.right, weights.below];
  return makeGraph('nar-step', [...inputs.all, ...mixing], {
    ...headOutputs(statesOfHeads(states, config), { indices, weights }, config, whole),
    ...presentOutputs(keyValues),
  });
}

/** The entries of a whole sequence that the heads are asked at, the class being entry 0, and the shares of what they say. */
function mixOfGrid({ height, width }: Grid, batch: Dim): Mix {
  const positions = height * width;
  const sources = Array.from({ length: positions }, (_, position) => sourcesOf({ width }, position));
  const entries = (head: keyof Sources) =>
    sameForAll(
      'i32',
      batch,
      sources.map((source) => source[head].place + 1),
    );
  const shares = (head: keyof Sources) =>
    sameForAll(
      'f32',
      batch,
      sources.map((source) => source[head].weight),
    );
  return {
    indices: { right: entries('right'), below: entries('below') },
    weights: { right: shares('right'), below: shares('below') },
  };
}

/**
 * The teacher-forced forward pass over `[class, x_0 … x_(N−2)]` in raster order, where each entry sees what is not farther
 * from the corner than itself; logits t are those of x_t.
 *
 * Inputs: `tokens` i32 `[batch, positions]` in raster order, `class_ids` i32 `[batch]` (the null class is the number of
 * classes); with dropout, `dropout_key` i32 `[4]`. Outputs: `logits` `[batch, positions, vocabulary]`; `loss` in nats. Of
 * the whole the last token, which nothing depends on, is fed too, and there are `right_logits` and `below_logits`
 * `[batch, 1 + positions, vocabulary]` and `hidden.LAYER` `[batch, 1 + positions, dim]`.
 * @param options `dropout`: share of elements dropped from embeddings, attention output and feed-forward output
 */
export function narTeacherForced(
  config: NarConfig,
  { dropout = 0, whole = false }: { readonly dropout?: number } & WholeOption = {},
): Graph {
  const { grid } = config;
  const batch = dim('batch');
  const positions = grid.height * grid.width;
  const entries = whole ? positions + 1 : positions;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  const fed = slice(tokens, { axis: 1, start: 0, length: entries - 1 });
  const x = concat([classEmbedding(reshape(classIds, [batch, 1]), config), tokenEmbedding(fed, config)], 1);
  // Entry i is the class or raster position i − 1, which is row i of the table.
  const indices = broadcastTo(reshape(iota(entries), [1, entries]), [batch, entries]);
  const rotary = { table: decoderRope(config, grid, 'extend'), indices };
  const { states } = decoder(x, rotary, wholeStream(config), {
    sees: rankMask(entryDistances(grid).slice(0, entries)),
    dropout: keyedDropout(dropout, key),
  });
  const outputs = headOutputs(statesOfHeads(states, config), mixOfGrid(grid, batch), config, whole);
  return makeGraph('nar-teacher-forced', [tokens, classIds, ...(dropout > 0 ? [key] : [])], {
    ...outputs,
    loss: tokenLoss(outputs.logits, tokens),
    ...(whole && hiddenOutputs(states)),
  });
}

import {
  broadcastTo,
  concat,
  constant,
  type Dim,
  dim,
  type Graph,
  gather,
  input,
  makeGraph,
  multiplyDims,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  slice,
  subtractDims,
  type Tensor,
} from '../src/dsl/index.js';
import {
  classEmbedding,
  decoder,
  type DecoderConfig,
  decoderRope,
  embedContent,
  presentOutputs,
  stepInputs,
  tokenEmbedding,
  tokenHead,
  tokenLoss,
} from './decoder.js';
import { keyedDropout } from './dropout.js';
import {
  CLASS_ROTARY_INDEX,
  type Grid,
  type RopeScaling,
  type Rotary,
  rotaryIndex,
  rotate,
} from './rotary.js';
import { mergeHeads, splitHeads } from './transformer.js';

/** Instruction tokens: one learned vector, turned head by head by the position that is asked for. `[batch, n, dim]` */
function instructions(vector: Tensor, rotary: Rotary, config: DecoderConfig): Tensor {
  const repeated = broadcastTo(vector, [...rotary.indices.shape, config.dim]);
  return mergeHeads(rotate(splitHeads(repeated, config.heads), rotary));
}

/** `[batch, n, …]` twice → `[batch, 2n, …]`, one of each in turn. */
function interleave(a: Tensor, b: Tensor): Tensor {
  const [batch, count, ...rest] = a.shape as readonly [Dim, Dim, ...Dim[]];
  const pairs = concat(
    [a, b].map((x) => reshape(x, [batch, count, 1, ...rest])),
    2,
  );
  return reshape(pairs, [batch, multiplyDims(count, 2), ...rest]);
}

function instructionVector(config: DecoderConfig): Tensor {
  return parameter('pos_instruct_embeddings', [1, config.dim], NORMAL_INITIALIZER);
}

/** What a step gives. */
export interface RandArStepOptions {
  /**
   * Whether there are logits of all that is fed, as the official code computes them, instead of the queries' alone: for
   * comparing with its numbers.
   */
  readonly allLogits?: boolean;
}

/**
 * One parallel decoding step with a KV cache. What is fed is `[x_1, P_2, x_2, …, P_n, x_n, Pnext_1 … Pnext_m]`: the
 * tokens that the last step drew (the class in the first step), each followed by the instruction token of what came
 * next, then the instructions of the further queries. The cache keeps all up to the first query, so that it holds the
 * training sequence.
 *
 * Inputs: `class_ids` i32 `[batch, prefix]`, the class in the first step; `token_ids` i32 `[batch, tokens]`;
 * `content_positions` i32 `[batch, prefix + tokens]`, rows of the RoPE table (0 the class, 1 + p raster position p);
 * `next_positions` i32 alike: of the instruction after each, the last being the first query; `query_positions` i32
 * `[batch, more]`: of the further queries; the cache, `past.*` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, 1 + more, vocabulary]`; the cache for the next step, `present.*`.
 */
export function randArStep(
  config: DecoderConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
  { allLogits = false }: RandArStepOptions = {},
): Graph {
  const inputs = stepInputs(config);
  const [batch, content] = inputs.contentPositions.shape as readonly [Dim, Dim];
  const nextPositions = input('next_positions', 'i32', [batch, content]);
  const queryPositions = input('query_positions', 'i32', [batch, dim('more')]);
  const table = decoderRope(config, grid, ropeScaling);
  const more = queryPositions.shape[1]!;
  // All at once, since there may be no further queries, which not every device can turn by themselves.
  const asking = { table, indices: concat([nextPositions, queryPositions], 1) };
  const instruct = instructions(instructionVector(config), asking, config);
  const part = (start: Dim, length: Dim) => slice(instruct, { axis: 1, start, length });
  const kept = interleave(embedContent(inputs, config), part(0, content));
  const x = concat([kept, part(content, more)], 1);
  const indices = concat([interleave(inputs.contentPositions, nextPositions), queryPositions], 1);
  const { states: layers, keyValues } = decoder(x, { table, indices }, config, { past: inputs.past });
  const states = layers.at(-1)!;
  const length = kept.shape[1]!;
  const firstQuery = subtractDims(length, 1);
  const asked = slice(states, { axis: 1, start: firstQuery, length: subtractDims(x.shape[1]!, firstQuery) });
  const cut = (keys: Tensor) =>
    slice(keys, { axis: 2, start: 0, length: subtractDims(keys.shape[2]!, more) });
  return makeGraph('randar-step', [...inputs.all, nextPositions, queryPositions], {
    logits: tokenHead(allLogits ? states : asked, config),
    ...presentOutputs(keyValues.map(({ key, value }) => ({ key: cut(key), value: cut(value) }))),
  });
}

/**
 * The teacher-forced forward pass over `[class, P_π(1), x_π(1), P_π(2), …, P_π(N)]`; the output at P_π(t) predicts
 * x_π(t).
 *
 * Inputs: `tokens` i32 `[batch, positions]` in raster order, `class_ids` i32 `[batch]` (the null class is the number of
 * classes), `orders` i32 `[batch, positions]`; with dropout, `dropout_key` i32 `[4]`.
 * Outputs: `logits` `[batch, positions, vocabulary]` in the order of the permutation; `loss` in nats.
 * @param dropout share of elements dropped from embeddings, attention output and feed-forward output
 */
export function randArTeacherForced(
  config: DecoderConfig,
  { dropout = 0 }: { readonly dropout?: number } = {},
): Graph {
  const batch = dim('batch');
  const positions = config.grid.height * config.grid.width;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const orders = input('orders', 'i32', [batch, positions]);
  const key = input('dropout_key', 'i32', [4]);
  const allButLast = (x: Tensor) => slice(x, { axis: 1, start: 0, length: positions - 1 });
  const shuffled = gather(tokens, orders);
  const targets = rotaryIndex(orders);
  const classPlaces = broadcastTo(constant('i32', [1, 1], [CLASS_ROTARY_INDEX]), [batch, 1]);
  const places = concat([classPlaces, allButLast(targets)], 1);
  const content = concat(
    [classEmbedding(reshape(classIds, [batch, 1]), config), tokenEmbedding(allButLast(shuffled), config)],
    1,
  );
  const table = decoderRope(config, config.grid, 'extend');
  const asked = instructions(instructionVector(config), { table, indices: targets }, config);
  const rotary = { table, indices: interleave(places, targets) };
  const { states } = decoder(interleave(content, asked), rotary, config, {
    dropout: keyedDropout(dropout, key),
  });
  const pairs = reshape(states.at(-1)!, [batch, positions, 2, config.dim]);
  const predicting = reshape(slice(pairs, { axis: 2, start: 1, length: 1 }), [batch, positions, config.dim]);
  const logits = tokenHead(predicting, config);
  const inputs = [tokens, classIds, orders, ...(dropout > 0 ? [key] : [])];
  return makeGraph('randar-teacher-forced', inputs, { logits, loss: tokenLoss(logits, shuffled) });
}

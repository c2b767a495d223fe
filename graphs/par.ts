import {
  broadcastTo,
  concat,
  constant,
  dim,
  embeddingTable,
  type Graph,
  gather,
  input,
  iota,
  makeGraph,
  reshape,
  scope,
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
import { keyedDropout } from './dropout.js';
import { rankMask } from './rankMask.js';
import { regionOrder, slotGroups, slotRows } from './regions.js';
import { CLASS_ROTARY_INDEX, type Grid, type RopeScaling } from './rotary.js';
import { sameForAll } from './sameForAll.js';

/** A decoder that draws one token of each region side by side. */
export interface ParConfig extends DecoderConfig {
  /** Regions of the grid: a square number, whose root divides both sides; with 1 the network is LlamaGen's. */
  readonly regions: number;
}

/** Special embeddings, one less than there are regions: i32 `[batch, n]` → `[batch, n, dim]` */
function specialEmbedding(ids: Tensor, { regions, dim: width }: ParConfig): Tensor {
  return scope('spe_tok_embeddings', () => embeddingTable('special_embeddings', regions - 1, width)(ids));
}

/**
 * One sampling step with a KV cache: the class, a token or a group of tokens → what each entry predicts. All that is fed at
 * once sees each other and the whole past.
 *
 * Inputs: `class_ids` i32 `[batch, prefix]`, the class in the first step, the null class being the number of classes;
 * `token_ids` i32 `[batch, tokens]`; `content_positions` i32 `[batch, prefix + tokens]`, rows of the RoPE table (0 the
 * class, 1 + p raster position p); `special_ids` i32 `[batch, special]`, all special entries from 0 on behind the first
 * token of the last region, none else; the cache, `past.*` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, prefix + tokens + special, vocabulary]`; the cache for the next step, `present.*`.
 */
export function parStep(
  config: ParConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
): Graph {
  const inputs = stepInputs(config);
  const batch = inputs.contentPositions.shape[0]!;
  const specialIds = input('special_ids', 'i32', [batch, dim('special')]);
  const x = concat([embedContent(inputs, config), specialEmbedding(specialIds, config)], 1);
  const noPlaces = broadcastTo(constant('i32', [1, 1], [CLASS_ROTARY_INDEX]), specialIds.shape);
  const indices = concat([inputs.contentPositions, noPlaces], 1);
  const rotary = { table: decoderRope(config, grid, ropeScaling), indices };
  const { states, keyValues } = decoder(x, rotary, config, { sees: 'all', past: inputs.past });
  return makeGraph('par-step', [...inputs.all, specialIds], {
    logits: tokenHead(states.at(-1)!, config),
    ...presentOutputs(keyValues),
  });
}

/** How the teacher-forced pass is built. */
interface ParTrainingOptions {
  /** Share of elements dropped from embeddings, attention output and feed-forward output. */
  readonly dropout?: number;
  /**
   * Whether the last entries are fed too, which nothing that counts depends on, as the official code does, and what goes
   * on inside is given: for comparing with its numbers.
   */
  readonly whole?: boolean;
}

/**
 * The teacher-forced forward pass over `[class, z_0 … z_(n−1), special entries, z_n …]`, z being the tokens in the order of
 * the regions and n their number: as many entries as there are tokens. Output t predicts z_t.
 *
 * Inputs: `tokens` i32 `[batch, positions]` in raster order, `class_ids` i32 `[batch]` (the null class is the number of
 * classes); with dropout, `dropout_key` i32 `[4]`. Outputs: `logits` `[batch, positions, vocabulary]` in the order of the
 * regions; `loss` in nats; of the whole, also `sequence` i32 `[batch, positions]`, the tokens in that order, and
 * `hidden.LAYER` `[batch, entries, dim]`.
 */
export function parTeacherForced(
  config: ParConfig,
  { dropout = 0, whole = false }: ParTrainingOptions = {},
): Graph {
  const { regions, grid } = config;
  const batch = dim('batch');
  const positions = grid.height * grid.width;
  const entries = whole ? positions + regions - 1 : positions;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  const order = regionOrder(grid, regions);
  const sequence = gather(tokens, sameForAll('i32', batch, order));
  const embedded = tokenEmbedding(sequence, config);
  const part = (start: number, length: number) => slice(embedded, { axis: 1, start, length });
  const specialIds = broadcastTo(reshape(iota(regions - 1), [1, regions - 1]), [batch, regions - 1]);
  const all = concat(
    [
      classEmbedding(reshape(classIds, [batch, 1]), config),
      part(0, regions),
      specialEmbedding(specialIds, config),
      part(regions, positions - regions),
    ],
    1,
  );
  const x = slice(all, { axis: 1, start: 0, length: entries });
  const indices = sameForAll('i32', batch, slotRows(order, regions).slice(0, entries));
  const rotary = { table: decoderRope(config, grid, 'extend'), indices };
  const { states } = decoder(x, rotary, config, {
    sees: rankMask(slotGroups(entries, regions)),
    dropout: keyedDropout(dropout, key),
  });
  const predicting = slice(states.at(-1)!, { axis: 1, start: 0, length: positions });
  const logits = tokenHead(predicting, config);
  return makeGraph('par-teacher-forced', [tokens, classIds, ...(dropout > 0 ? [key] : [])], {
    logits,
    loss: tokenLoss(logits, sequence),
    ...(whole && { sequence, ...hiddenOutputs(states) }),
  });
}

import {
  broadcastTo,
  concat,
  dim,
  type Graph,
  input,
  iota,
  makeGraph,
  reshape,
  slice,
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
import type { Grid, RopeScaling } from './rotary.js';

/**
 * One sampling step with a KV cache: class and tokens in raster order → what each predicts of the next.
 *
 * Inputs: `class_ids` i32 `[batch, prefix]`, the class in the first step, the null class being the number of classes;
 * `token_ids` i32 `[batch, tokens]`; `content_positions` i32 `[batch, prefix + tokens]`, rows of the RoPE table (0 the
 * class, 1 + p raster position p); the cache, `past.*` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, prefix + tokens, vocabulary]`; the cache for the next step, `present.*`.
 */
export function llamaGenStep(
  config: DecoderConfig,
  grid: Grid = config.grid,
  ropeScaling: RopeScaling = 'extend',
): Graph {
  const inputs = stepInputs(config);
  const rotary = { table: decoderRope(config, grid, ropeScaling), indices: inputs.contentPositions };
  const { states, keyValues } = decoder(embedContent(inputs, config), rotary, config, {
    past: inputs.past,
  });
  return makeGraph('llamagen-step', inputs.all, {
    logits: tokenHead(states.at(-1)!, config),
    ...presentOutputs(keyValues),
  });
}

/**
 * The teacher-forced forward pass over `[class, x_0 … x_(N−2)]`; output t predicts x_t.
 *
 * Inputs: `tokens` i32 `[batch, positions]` in raster order, `class_ids` i32 `[batch]` (the null class is the number of
 * classes); with dropout, `dropout_key` i32 `[4]`. Outputs: `logits` `[batch, positions, vocabulary]`; `loss` in nats.
 * @param dropout share of elements dropped from embeddings, attention output and feed-forward output
 */
export function llamaGenTeacherForced(
  config: DecoderConfig,
  { dropout = 0 }: { readonly dropout?: number } = {},
): Graph {
  const batch = dim('batch');
  const positions = config.grid.height * config.grid.width;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  const allButLast = slice(tokens, { axis: 1, start: 0, length: positions - 1 });
  const x = concat(
    [classEmbedding(reshape(classIds, [batch, 1]), config), tokenEmbedding(allButLast, config)],
    1,
  );
  // Entry i is the class or raster position i − 1, which is row i of the table.
  const indices = broadcastTo(reshape(iota(positions), [1, positions]), [batch, positions]);
  const rotary = { table: decoderRope(config, config.grid, 'extend'), indices };
  const { states } = decoder(x, rotary, config, { dropout: keyedDropout(dropout, key) });
  const logits = tokenHead(states.at(-1)!, config);
  const inputs = [tokens, classIds, ...(dropout > 0 ? [key] : [])];
  return makeGraph('llamagen-teacher-forced', inputs, { logits, loss: tokenLoss(logits, tokens) });
}

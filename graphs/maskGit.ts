import {
  add,
  affine,
  attention,
  broadcastTo,
  concat,
  constant,
  conv2d,
  crossEntropy,
  type Dim,
  dim,
  embedding,
  embeddingTable,
  type Graph,
  type Initializer,
  input,
  linear,
  makeGraph,
  matmul,
  mean,
  multiply,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  rmsNorm,
  rmsNormLayer,
  scope,
  silu,
  slice,
  softmax,
  type Tensor,
  transpose,
  xavierUniform,
} from '../src/dsl/index.js';
import { type Dropout, keyedDropout, NO_DROPOUT } from './dropout.js';
import { mergeHeads, splitHeads } from './transformer.js';

/** Sizes of MaskGIT's transformer as Halton-MaskGIT has it (docs/SYSTEMS.md, MaskGIT). */
export interface MaskGitConfig {
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  /** Hidden features of the gated feed-forward network. */
  readonly feedForwardHidden: number;
  /** Codes of the tokenizer; the one after the last stands for a masked token. */
  readonly codes: number;
  /** The class after the last is the null class. */
  readonly classes: number;
  /** Tokens along a side of the picture, which is square. */
  readonly side: number;
  /** Learned vectors that the tokens share their attention with. */
  readonly registers: number;
  /** Tokens along an axis that the transformer sees as one. */
  readonly patch: 1 | 2;
}

const NORM_EPSILON = 1e-5;

/** A linear layer without bias. */
function projection(name: string, x: Tensor, outFeatures: number): Tensor {
  return linear(name, x, outFeatures, xavierUniform(Number(x.shape.at(-1)), outFeatures));
}

/** x/√(mean(x²) + epsilon) along the last axis, without a learned weight. */
function unitRms(x: Tensor): Tensor {
  const features = Number(x.shape.at(-1));
  const ones = constant('f32', [features], new Float32Array(features).fill(1));
  return rmsNorm(x, ones, NORM_EPSILON);
}

/** softmax(query·keyᵀ/√headDim)·value; where attention weights are dropped, they are written out. */
function attend(query: Tensor, key: Tensor, value: Tensor, dropout: Dropout): Tensor {
  if (dropout === NO_DROPOUT) return attention(query, key, value);
  const scaled = multiply(query, 1 / Math.sqrt(Number(query.shape[3])));
  return matmul(dropout(softmax(matmul(scaled, key, { transposeRight: true }))), value);
}

/**
 * Attention among all tokens: `[batch, tokens, dim]` → the same. A head is ⌊dim/heads⌋ wide, so that the heads together may
 * be narrower than `dim`. Queries and keys are brought to a mean square of 1 over all heads together.
 */
export function maskGitAttention(x: Tensor, heads: number, dropout: Dropout = NO_DROPOUT): Tensor {
  const features = Number(x.shape.at(-1));
  const inner = heads * Math.floor(features / heads);
  const query = splitHeads(unitRms(projection('wq', x, inner)), heads);
  const key = splitHeads(unitRms(projection('wk', x, inner)), heads);
  const value = splitHeads(projection('wv', x, inner), heads);
  return dropout(projection('wo', mergeHeads(attend(query, key, value, dropout)), features));
}

/** The gated feed-forward network w2(silu(w1 x)·w3 x); dropout acts on the product. */
export function maskGitFeedForward(x: Tensor, hidden: number, dropout: Dropout = NO_DROPOUT): Tensor {
  const gated = multiply(silu(projection('w1', x, hidden)), projection('w3', x, hidden));
  return projection('w2', dropout(gated), Number(x.shape.at(-1)));
}

/** x·(1 + scale) + shift */
function modulate(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  return add(multiply(x, add(scale, 1)), shift);
}

/**
 * Vectors that a condition `[batch, dim]` asks for, by what they are for: `[batch, 1, dim]` each.
 * @param initializer of the layer's weight
 */
function conditioned<Use extends string>(
  condition: Tensor,
  uses: readonly Use[],
  initializer: Initializer,
): Readonly<Record<Use, Tensor>> {
  const [batch, features] = condition.shape as readonly [Dim, number];
  const vectors = affine('mlp.1', silu(condition), uses.length * features, initializer);
  const rows = reshape(vectors, [batch, uses.length, features]);
  const parts = uses.map((use, start) => [use, slice(rows, { axis: 1, start, length: 1 })] as const);
  return Object.fromEntries(parts) as Record<Use, Tensor>;
}

/** What a layer asks for, in the order of its weight's rows. */
const LAYER_USES = ['shift1', 'scale1', 'gate1', 'shift2', 'scale2', 'gate2'] as const;

/**
 * One layer: x + gate·attention(…), then that + gate·feedForward(…). What goes in is normed, scaled and shifted; the condition
 * decides by how much. New layers change nothing: their gates are zero.
 * @param x `[batch, tokens, dim]`
 * @param condition `[batch, dim]`
 */
export function maskGitLayer(
  x: Tensor,
  condition: Tensor,
  { heads, feedForwardHidden }: Pick<MaskGitConfig, 'heads' | 'feedForwardHidden'>,
  dropout: Dropout = NO_DROPOUT,
): Tensor {
  const asked = conditioned(condition, LAYER_USES, { kind: 'zeros' });
  const normed = modulate(rmsNormLayer('ln1', x, NORM_EPSILON), asked.shift1, asked.scale1);
  const attention = scope('attn', () => maskGitAttention(normed, heads, dropout));
  const attended = add(x, multiply(asked.gate1, attention));
  const normedAgain = modulate(rmsNormLayer('ln2', attended, NORM_EPSILON), asked.shift2, asked.scale2);
  const fed = scope('ff', () => maskGitFeedForward(normedAgain, feedForwardHidden, dropout));
  return add(attended, multiply(asked.gate2, fed));
}

/**
 * The norm before the head, with a learned bias, scaled and shifted as the condition asks.
 * @param x `[batch, tokens, dim]`
 * @param condition `[batch, dim]`
 */
export function maskGitFinalNorm(x: Tensor, condition: Tensor): Tensor {
  const features = Number(x.shape.at(-1));
  const initializer = xavierUniform(features, 2 * features);
  const { shift, scale } = conditioned(condition, ['shift', 'scale'], initializer);
  const normed = rmsNormLayer('norm_final', x, NORM_EPSILON);
  const bias = scope('norm_final', () => parameter('bias', [features], { kind: 'zeros' }));
  return modulate(add(normed, bias), shift, scale);
}

/** The weight of a convolution without bias. */
function convolutionWeight(name: string, outputs: number, inputs: number, kernel: number): Tensor {
  const pixels = kernel ** 2;
  const initializer = xavierUniform(inputs * pixels, outputs * pixels);
  return scope(name, () => parameter('weight', [outputs, inputs, kernel, kernel], initializer));
}

/** Squares of tokens become one each: `[batch, side², dim]` → `[batch, (side/patch)², dim]` */
function joinPatches(x: Tensor, { dim: features, side, patch }: MaskGitConfig): Tensor {
  if (patch === 1) return x;
  const [batch] = x.shape as readonly [Dim];
  const map = transpose(reshape(x, [batch, side, side, features]), [0, 3, 1, 2]);
  const joined = conv2d(map, convolutionWeight('in_proj', features, features, patch), { stride: patch });
  return transpose(reshape(joined, [batch, features, (side / patch) ** 2]), [0, 2, 1]);
}

/** The way back: channel patch²·c + patch·i + j of a square becomes channel c of its token in row i and column j. */
function splitPatches(x: Tensor, { dim: features, side, patch }: MaskGitConfig): Tensor {
  if (patch === 1) return x;
  const [batch] = x.shape as readonly [Dim];
  const squares = side / patch;
  const map = transpose(reshape(x, [batch, squares, squares, features]), [0, 3, 1, 2]);
  const wide = conv2d(map, convolutionWeight('out_proj', patch ** 2 * features, features, 1));
  const parts = reshape(wide, [batch, features, patch, patch, squares, squares]);
  return reshape(transpose(parts, [0, 4, 2, 5, 3, 1]), [batch, side ** 2, features]);
}

/** The learned vectors after the tokens: `[batch, tokens, dim]` → `[batch, tokens + registers, dim]` */
function withRegisters(x: Tensor, { dim: features, registers }: MaskGitConfig): Tensor {
  if (registers === 0) return x;
  const vectors = scope('reg_tokens', () => parameter('weight', [registers, features], NORMAL_INITIALIZER));
  return concat([x, broadcastTo(vectors, [x.shape[0]!, registers, features])], 1);
}

/** Logits of every position, the mask among the classes: `[batch, side²]`, `[batch]` → `[batch, side², codes + 1]` */
function maskGitLogits(
  codes: Tensor,
  classIds: Tensor,
  config: MaskGitConfig,
  dropout: Dropout = NO_DROPOUT,
): Tensor {
  const { dim: features, side, layers } = config;
  const entries = config.codes + 1;
  const positions = side ** 2;
  const condition = embeddingTable('cls_emb', config.classes + 1, features)(classIds);
  // The head predicts with the table that embeds.
  const table = scope('tok_emb', () => parameter('weight', [entries, features], NORMAL_INITIALIZER));
  const places = scope('pos_emb', () => parameter('weight', [positions, features], NORMAL_INITIALIZER));
  const joined = joinPatches(add(embedding(table, codes), places), config);
  const tokens = joined.shape[1]!;
  let x = withRegisters(joined, config);
  for (let layer = 0; layer < layers; layer++)
    x = scope(`transformer.layers.${layer}`, () => maskGitLayer(x, condition, config, dropout));
  const split = splitPatches(slice(x, { axis: 1, start: 0, length: tokens }), config);
  const states = scope('last_norm', () => maskGitFinalNorm(split, condition));
  return scope('head', () =>
    add(matmul(states, table, { transposeRight: true }), parameter('bias', [entries], { kind: 'zeros' })),
  );
}

/**
 * One look at a partly masked picture: what every position may be.
 *
 * Inputs: `codes` i32 `[batch, side²]` in raster order, the number of codes standing for a masked one; `class_ids` i32
 * `[batch]`, the number of classes standing for none. Output: `logits` `[batch, side², codes + 1]`.
 */
export function maskGitStep(config: MaskGitConfig): Graph {
  const batch = dim('batch');
  const codes = input('codes', 'i32', [batch, config.side ** 2]);
  const classIds = input('class_ids', 'i32', [batch]);
  return makeGraph('maskgit-step', [codes, classIds], { logits: maskGitLogits(codes, classIds, config) });
}

/**
 * The forward pass over masked tokens, which is to tell all of them, masked or not.
 *
 * Inputs: `tokens` i32 `[batch, side²]` in raster order; `masked_tokens` i32 alike, the number of codes standing for a masked
 * one; `class_ids` i32 `[batch]` (the null class is the number of classes); with dropout, `dropout_key` i32 `[4]`. Outputs:
 * `logits` `[batch, side², codes + 1]`; `loss` in nats, the mean over all positions.
 * @param dropout share of elements dropped from attention weights, attention output and gated products
 */
export function maskGitTeacherForced(
  config: MaskGitConfig,
  { dropout = 0 }: { readonly dropout?: number } = {},
): Graph {
  const batch = dim('batch');
  const positions = config.side ** 2;
  const tokens = input('tokens', 'i32', [batch, positions]);
  const maskedTokens = input('masked_tokens', 'i32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  const logits = maskGitLogits(maskedTokens, classIds, config, keyedDropout(dropout, key));
  const inputs = [tokens, maskedTokens, classIds, ...(dropout > 0 ? [key] : [])];
  const loss = scope('loss', () => mean(crossEntropy(logits, tokens)));
  return makeGraph('maskgit-teacher-forced', inputs, { logits, loss });
}

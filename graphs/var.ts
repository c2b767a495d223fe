import {
  add,
  affine,
  concat,
  constant,
  crossEntropy,
  dim,
  embedding,
  type Graph,
  input,
  less,
  logSoftmax,
  makeGraph,
  matmul,
  mean,
  multiply,
  parameter,
  reshape,
  scope,
  select,
  silu,
  stopGradient,
  subtract,
  type Tensor,
} from '../src/dsl/index.js';
import { pastInputs, presentOutputs } from './decoder.js';
import { type Dropout, keyedDropPaths, NO_DROPOUT } from './dropout.js';
import {
  atScale,
  codebook,
  codeCount,
  contribution,
  mapRows,
  type MultiScaleQuantizer,
  scaleRanges,
  scaleSums,
} from './multiScaleQuantizer.js';
import { nextInputs, splitScales } from './multiScaleVq.js';
import { rankMask } from './rankMask.js';
import type { KeyValue } from './transformer.js';
import {
  BLOCK_USES,
  byUse,
  modulatedNorm,
  varBlock,
  type VarAttending,
  type VarBlockConfig,
  varInitializer,
} from './varBlock.js';

/** Sizes of VAR (docs/SYSTEMS.md, VAR). */
export interface VarConfig extends VarBlockConfig {
  /** The class after the last is the null class. */
  readonly classes: number;
  /** The tokenizer's, which makes of coarser scales what a scale is told. */
  readonly quantizer: MultiScaleQuantizer;
}

/** The scale of each token: `[tokens]` */
export function scaleOfTokens({ sides }: Pick<MultiScaleQuantizer, 'sides'>): readonly number[] {
  return scaleRanges(sides).flatMap(({ length }, scale) => new Array<number>(length).fill(scale));
}

/** What is added to each token for its scale and its place: `[tokens, dim]` */
function levelPositions({ dim: width, quantizer }: VarConfig): Tensor {
  const starting = varInitializer(width);
  const levels = scope('lvl_embed', () => parameter('weight', [quantizer.sides.length, width], starting));
  const tokens = codeCount(quantizer);
  const places = parameter('pos_1LC', [1, tokens, width], starting);
  const scales = constant('i32', [tokens], scaleOfTokens(quantizer));
  return add(embedding(levels, scales), reshape(places, [tokens, width]));
}

/** What is added to the class at each token of the first scale: `[tokens, dim]` */
function startPositions({ dim: width, quantizer }: VarConfig): Tensor {
  const tokens = quantizer.sides[0]! ** 2;
  return reshape(parameter('pos_start', [1, tokens, width], varInitializer(width)), [tokens, width]);
}

/** Embeddings of classes: i32 `[batch]` → `[batch, dim]` */
function classEmbedding(ids: Tensor, { classes, dim: width }: VarConfig): Tensor {
  const table = scope('class_emb', () => parameter('weight', [classes + 1, width], varInitializer(width)));
  return embedding(table, ids);
}

/** What the coarser scales add up to, embedded: `[batch, tokens, codebookDim]` → `[batch, tokens, dim]` */
function mapEmbedding(rows: Tensor, { dim: width }: VarConfig): Tensor {
  return affine('word_embed', rows, width, varInitializer(width));
}

/** What goes through the blocks. */
interface Stream {
  readonly states: readonly Tensor[];
  /** Layer by layer, those of the past first. */
  readonly keyValues: readonly KeyValue[];
}

/** All blocks. @param condition the class `[batch, dim]` */
function blocks(
  x: Tensor,
  condition: Tensor,
  config: VarConfig,
  attending: (layer: number) => VarAttending,
  dropPaths: readonly Dropout[] = [],
): Stream {
  const { dim: width, layers, sharedModulation } = config;
  const asked = sharedModulation
    ? affine('shared_ada_lin.1', silu(condition), BLOCK_USES.length * width, varInitializer(width))
    : condition;
  const states: Tensor[] = [];
  const keyValues: KeyValue[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const { state, keyValue } = scope(`blocks.${layer}`, () =>
      varBlock(states.at(-1) ?? x, asked, config, attending(layer), dropPaths[layer] ?? NO_DROPOUT),
    );
    states.push(state);
    keyValues.push(keyValue);
  }
  return { states, keyValues };
}

/** The norm before the head, which the class scales and shifts. */
function headNorm(x: Tensor, condition: Tensor, { dim: width, normEpsilon }: VarConfig): Tensor {
  const vectors = scope('head_nm', () =>
    affine('ada_lin.1', silu(condition), 2 * width, varInitializer(width, 0.5)),
  );
  const { scale, shift } = byUse(vectors, ['scale', 'shift']);
  return modulatedNorm(x, scale, shift, normEpsilon);
}

/** `[batch, tokens, dim]` → `[batch, tokens, codebookSize]` */
function head(normed: Tensor, { dim: width, quantizer }: VarConfig): Tensor {
  return affine('head', normed, quantizer.codebookSize, varInitializer(width, 0.02));
}

/**
 * One sampling step with a KV cache: a scale's tokens see each other and all coarser scales.
 *
 * Inputs: `class_ids` i32 `[batch]`, the number of classes being the null class; `positions` i32 `[tokens]`, numbers of the
 * scale's tokens among those of all scales; `next_input` f32 `[batch, tokens, codebookDim]`, what the coarser scales add up
 * to, pooled to this scale, of which the first scale's is not read; the cache, `past.*` `[batch, heads, past, headDim]`,
 * empty at first. Outputs: `logits` `[batch, tokens, codebookSize]`; the cache for the next step, `present.*`.
 */
export function varStep(config: VarConfig): Graph {
  const { quantizer, dim: width } = config;
  const [batch, tokens] = [dim('batch'), dim('tokens')];
  const classIds = input('class_ids', 'i32', [batch]);
  const positions = input('positions', 'i32', [tokens]);
  const nextInput = input('next_input', 'f32', [batch, tokens, quantizer.codebookDim]);
  const past = pastInputs(config, batch);
  const condition = classEmbedding(classIds, config);
  const first = quantizer.sides[0]! ** 2;
  const rest = constant(
    'f32',
    [codeCount(quantizer) - first, width],
    new Float32Array((codeCount(quantizer) - first) * width),
  );
  const places = add(levelPositions(config), concat([startPositions(config), rest], 0));
  const told = select(
    reshape(less(positions, first), [1, tokens, 1]),
    reshape(condition, [batch, 1, width]),
    mapEmbedding(nextInput, config),
  );
  const x = add(told, embedding(places, positions));
  const { states, keyValues } = blocks(x, condition, config, (layer) => ({ past: past[layer] }));
  const logits = head(headNorm(states.at(-1)!, condition, config), config);
  const caches = past.flatMap(({ key, value }) => [key, value]);
  return makeGraph('var-step', [classIds, positions, nextInput, ...caches], {
    logits,
    ...presentOutputs(keyValues),
  });
}

/** How a scale's codes are given: by their numbers, or as mixtures of all codes. */
export type GivenCodes = 'numbers' | 'mixtures';

/**
 * What a scale's codes make of the latent so far, and what the next scale is told.
 *
 * Inputs: `latent` f32 `[batch, codebookDim, side, side]`, what the coarser scales add up to, zeros at first; `tokens` i32
 * `[batch, side²]` or `mixtures` f32 `[batch, side², codebookSize]`, shares of the codes. Outputs: `next.latent`, and
 * `next_input` `[batch, side of the next scale², codebookDim]`; of the last scale `vectors` `[batch, side², codebookDim]`,
 * the whole latent in raster order.
 */
export function varNextInput({ quantizer }: VarConfig, scale: number, given: GivenCodes): Graph {
  const { sides, codebookDim, codebookSize } = quantizer;
  const batch = dim('batch');
  const [places, whole] = [sides[scale]! ** 2, sides.at(-1)!];
  const latent = input('latent', 'f32', [batch, codebookDim, whole, whole]);
  const codes =
    given === 'numbers'
      ? input('tokens', 'i32', [batch, places])
      : input('mixtures', 'f32', [batch, places, codebookSize]);
  return scope('quantize', () => {
    const table = codebook(quantizer);
    const rows = given === 'numbers' ? embedding(table, codes) : matmul(codes, table);
    const sum = add(latent, contribution(rows, scale, quantizer));
    const outputs =
      scale < sides.length - 1
        ? { 'next.latent': sum, next_input: atScale(sum, scale + 1, quantizer) }
        : { vectors: mapRows(sum) };
    return makeGraph(`var-next-input-${scale}`, [latent, codes], outputs);
  });
}

/** How the teacher-forced pass is built. */
interface VarTrainingOptions {
  /** Share of pictures whose last block adds nothing; those of the blocks before grow to it evenly from 0. */
  readonly dropPath?: number;
  /** Share of the loss that all codes are to be as likely as each other for (Szegedy et al., 2016). */
  readonly labelSmoothing?: number;
  /** Whether what goes on inside is given: for comparing with numbers of the official code. */
  readonly whole?: boolean;
}

/** The mean cross-entropy in nats with targets that are smoothed. */
function smoothedLoss(logits: Tensor, targets: Tensor, smoothing: number): Tensor {
  return scope('loss', () => {
    const own = mean(crossEntropy(logits, targets));
    if (smoothing === 0) return own;
    return subtract(multiply(own, 1 - smoothing), multiply(mean(logSoftmax(logits)), smoothing));
  });
}

/**
 * The forward pass over all scales at once; each is told what the coarser ones of the picture add up to.
 *
 * Inputs: `tokens` i32 `[batch, codes]`, scale by scale; `class_ids` i32 `[batch]` (the null class is the number of
 * classes); where paths are dropped, `dropout_key` i32 `[4]`. Outputs: `logits` `[batch, codes, codebookSize]`; `loss` in
 * nats; of the whole, also `var_input`, `block_input`, `cond`, `block.LAYER` and `head_nm`.
 */
export function varTeacherForced(
  config: VarConfig,
  { dropPath = 0, labelSmoothing = 0, whole = false }: VarTrainingOptions = {},
): Graph {
  const { quantizer, dim: width, layers } = config;
  const batch = dim('batch');
  const tokens = input('tokens', 'i32', [batch, codeCount(quantizer)]);
  const classIds = input('class_ids', 'i32', [batch]);
  const key = input('dropout_key', 'i32', [4]);
  // The tokenizer is not trained.
  const told = stopGradient(
    scope('quantize', () =>
      nextInputs(scaleSums(splitScales(tokens, quantizer.sides), quantizer), quantizer),
    ),
  );
  const condition = classEmbedding(classIds, config);
  const start = add(reshape(condition, [batch, 1, width]), startPositions(config));
  const x = add(concat([start, mapEmbedding(told, config)], 1), levelPositions(config));
  const mask = rankMask(scaleOfTokens(quantizer));
  const rates = Array.from({ length: layers }, (_, layer) => (dropPath * layer) / Math.max(1, layers - 1));
  const { states } = blocks(x, condition, config, () => ({ mask }), keyedDropPaths(rates, key));
  const normed = headNorm(states.at(-1)!, condition, config);
  const logits = head(normed, config);
  const inputs = [tokens, classIds, ...(rates.some((rate) => rate > 0) ? [key] : [])];
  return makeGraph('var-teacher-forced', inputs, {
    logits,
    loss: smoothedLoss(logits, tokens, labelSmoothing),
    ...(whole && {
      var_input: told,
      block_input: x,
      cond: condition,
      ...Object.fromEntries(states.map((state, layer) => [`block.${layer}`, state])),
      head_nm: normed,
    }),
  });
}

/** What is added to the tokens for their scales and places, and what each sees: for comparing with official numbers. */
export function varTables(config: VarConfig): Graph {
  return makeGraph('var-tables', [], {
    level_position: levelPositions(config),
    mask: rankMask(scaleOfTokens(config.quantizer)),
  });
}

import {
  add,
  affine,
  attention,
  concat,
  constant,
  type Dim,
  exp,
  gelu,
  type Initializer,
  layerNorm,
  linear,
  minimum,
  multiply,
  parameter,
  reshape,
  scope,
  silu,
  slice,
  type Tensor,
} from '../src/dsl/index.js';
import { type Dropout, NO_DROPOUT } from './dropout.js';
import { type KeyValue, mergeHeads, splitHeads, withPast } from './transformer.js';
import { unitLength } from './unitLength.js';

/** Sizes of VAR's blocks (docs/SYSTEMS.md, VAR). */
export interface VarBlockConfig {
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  /** Hidden features of the feed-forward network. */
  readonly feedForwardHidden: number;
  readonly normEpsilon: number;
  /** Whether all blocks share the layer by which the class scales and shifts them. */
  readonly sharedModulation: boolean;
  /** Whether queries and keys are brought to length 1, and queries then to a learned one. */
  readonly unitQueries: boolean;
}

/** The logarithm of the learned length of queries is at most this. */
const LARGEST_LENGTH = Math.log(100);
const STARTING_LENGTH = Math.log(4);
/** Where queries have no learned length, scores are this share of the usual. */
const SCORE_SHARE = 0.25;

/** What layers of such a width start from, times a factor. */
export function varInitializer(width: number, factor = 1): Initializer {
  return { kind: 'normal', standardDeviation: factor * Math.sqrt(1 / (3 * width)) };
}

/** How far open a new network's gates are: the deeper it is, the less. */
function startingGate(layers: number): number {
  if (layers < 24) return 1e-3;
  if (layers < 30) return 1e-4;
  return layers < 36 ? 1e-5 : 5e-6;
}

/** LayerNorm(x)·(1 + scale) + shift, the norm without parameters. */
export function modulatedNorm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: number): Tensor {
  const features = Number(x.shape.at(-1));
  const filled = (value: number) => constant('f32', [features], new Float32Array(features).fill(value));
  return add(multiply(layerNorm(x, filled(1), filled(0), epsilon), add(scale, 1)), shift);
}

/** `[batch, uses·dim]` → `[batch, 1, dim]` for each use. */
export function byUse<Use extends string>(
  vectors: Tensor,
  uses: readonly Use[],
): Readonly<Record<Use, Tensor>> {
  const [batch, width] = vectors.shape as readonly [Dim, number];
  const rows = reshape(vectors, [batch, uses.length, width / uses.length]);
  const parts = uses.map((use, start) => [use, slice(rows, { axis: 1, start, length: 1 })] as const);
  return Object.fromEntries(parts) as Record<Use, Tensor>;
}

/** What a block is asked for, in the order of the layer's rows. */
export const BLOCK_USES = ['gate1', 'gate2', 'scale1', 'scale2', 'shift1', 'shift2'] as const;

/**
 * What the class asks of a block, `[batch, 6·dim]`.
 * @param condition the class `[batch, dim]`; where blocks share the layer, what it gives, `[batch, 6·dim]`
 */
function blockModulation(
  condition: Tensor,
  { dim: width, layers, sharedModulation }: VarBlockConfig,
): Tensor {
  const uses = BLOCK_USES.length;
  const starting = (deviation: number): Initializer => ({
    kind: 'normalParts',
    standardDeviations: BLOCK_USES.map(
      (use) => deviation * (use.startsWith('gate') ? startingGate(layers) : 0.5),
    ),
  });
  if (!sharedModulation)
    return affine('ada_lin.1', silu(condition), uses * width, starting(Math.sqrt(1 / (3 * width))));
  const own = parameter('ada_gss', [1, 1, uses, width], starting(Math.sqrt(1 / width)));
  return add(condition, reshape(own, [1, uses * width]));
}

/** How a block attends. */
export interface VarAttending {
  /** What is seen, bool `[queries, keys]`; all where it is left out. */
  readonly mask?: Tensor | undefined;
  /** Keys and values of what came before. */
  readonly past?: KeyValue | undefined;
}

interface Attended {
  readonly attended: Tensor;
  /** Those of the past first. */
  readonly keyValue: KeyValue;
}

function varAttention(x: Tensor, config: VarBlockConfig, { mask, past }: VarAttending): Attended {
  const { dim: width, layers, heads, unitQueries } = config;
  const bias = (name: string) => parameter(name, [width], { kind: 'zeros' });
  const keysHaveNone = constant('f32', [width], new Float32Array(width));
  const biases = concat([bias('q_bias'), keysHaveNone, bias('v_bias')], 0);
  const stacked = add(linear('mat_qkv', x, 3 * width, varInitializer(width)), biases);
  const part = (index: number) =>
    splitHeads(slice(stacked, { axis: 2, start: index * width, length: width }), heads);
  /** Queries of a learned length. */
  const lengthened = (query: Tensor) => {
    const lengths = parameter('scale_mul_1H11', [1, heads, 1, 1], { kind: 'filled', value: STARTING_LENGTH });
    return multiply(unitLength(query), exp(minimum(lengths, LARGEST_LENGTH)));
  };
  const query = unitQueries ? lengthened(part(0)) : part(0);
  const key = unitQueries ? unitLength(part(1)) : part(1);
  const keyValue = withPast(past, { key, value: part(2) });
  const scale = unitQueries ? 1 : SCORE_SHARE / Math.sqrt(width / heads);
  const seen = attention(query, keyValue.key, keyValue.value, { scale, ...(mask && { mask }) });
  const output = varInitializer(width, 1 / Math.sqrt(2 * layers));
  return { attended: affine('proj', mergeHeads(seen), width, output), keyValue };
}

/** The feed-forward network fc2(gelu(fc1 x)). */
function varFeedForward(x: Tensor, { dim: width, layers, feedForwardHidden }: VarBlockConfig): Tensor {
  const hidden = gelu(affine('fc1', x, feedForwardHidden, varInitializer(width)));
  return affine('fc2', hidden, width, varInitializer(width, 1 / Math.sqrt(2 * layers)));
}

/**
 * One block: x + gate·attention(…), then that + gate·feedForward(…). What goes in is normed, scaled and shifted; the class
 * decides by how much.
 * @param x `[batch, tokens, dim]`
 * @param condition as `blockModulation` takes it
 * @param dropout of what is added, in training
 */
export function varBlock(
  x: Tensor,
  condition: Tensor,
  config: VarBlockConfig,
  attending: VarAttending,
  dropout: Dropout = NO_DROPOUT,
): { readonly state: Tensor; readonly keyValue: KeyValue } {
  const asked = byUse(blockModulation(condition, config), BLOCK_USES);
  const normed = modulatedNorm(x, asked.scale1, asked.shift1, config.normEpsilon);
  const { attended, keyValue } = scope('attn', () => varAttention(normed, config, attending));
  const seen = add(x, dropout(multiply(asked.gate1, attended)));
  const normedAgain = modulatedNorm(seen, asked.scale2, asked.shift2, config.normEpsilon);
  const fed = scope('ffn', () => varFeedForward(normedAgain, config));
  return { state: add(seen, dropout(multiply(asked.gate2, fed))), keyValue };
}

import {
  add,
  argmin,
  conv2d,
  embedding,
  type Graph,
  groupNorm,
  input,
  log,
  logSoftmax,
  makeGraph,
  mean,
  multiply,
  negate,
  NORMAL_INITIALIZER,
  parameter,
  reshape,
  scope,
  silu,
  softmax,
  stopGradient,
  subtract,
  sum,
  type Tensor,
  transpose,
} from '../../../../src/dsl/index.js';

const GROUPS = 32;
const NORM_EPSILON = 1e-6;
const COMMITMENT = 0.25;
const ENTROPY = 0.1;
const ENTROPY_TEMPERATURE = 0.01;
const LOG_EPSILON = 1e-5;

const channelsFirst = (x: Tensor): Tensor => transpose(x, [0, 3, 1, 2]);
const channelsLast = (x: Tensor): Tensor => transpose(x, [0, 2, 3, 1]);

/** A convolution without bias that keeps the size; its kernel is stored `[height, width, in, out]`. */
function convolution(name: string, x: Tensor, outputs: number, kernel: 1 | 3): Tensor {
  return scope(name, () => {
    const stored = parameter('kernel', [kernel, kernel, Number(x.shape[1]), outputs], NORMAL_INITIALIZER);
    return conv2d(x, transpose(stored, [3, 2, 0, 1]), { padding: (kernel - 1) / 2 });
  });
}

function norm(name: string, x: Tensor): Tensor {
  const channels = Number(x.shape[1]);
  return scope(name, () =>
    groupNorm(
      x,
      parameter('scale', [channels], { kind: 'ones' }),
      parameter('bias', [channels], { kind: 'zeros' }),
      { groups: GROUPS, epsilon: NORM_EPSILON },
    ),
  );
}

/**
 * A residual block of the original tokenizer. Where the channels change, its shortcut reads what the second convolution
 * gives, not the block's input.
 *
 * Input: `x` `[batch, height, width, in]`. Output: `out` `[batch, height, width, out]`.
 */
export function originalResidualBlock(shape: readonly number[], outputs: number): Graph {
  const x = input('x', 'f32', shape);
  const given = channelsFirst(x);
  const first = convolution('Conv_0', silu(norm('GroupNorm_0', given)), outputs, 3);
  const second = convolution('Conv_1', silu(norm('GroupNorm_1', first)), outputs, 3);
  const shortcut = given.shape[1] === outputs ? given : convolution('Conv_2', second, outputs, 1);
  return makeGraph('maskgit-original-block', [x], { out: channelsLast(add(second, shortcut)) });
}

/** The mean of each 2 × 2 pixels: `x` `[batch, height, width, channels]` → `out`, half as high and wide. */
export function originalDownsample(shape: readonly number[]): Graph {
  const [batch, height, width, channels] = shape as readonly [number, number, number, number];
  const x = input('x', 'f32', shape);
  const squares = reshape(x, [batch, height / 2, 2, width / 2, 2, channels]);
  return makeGraph('maskgit-original-downsample', [x], { out: mean(squares, { axes: [2, 4] }) });
}

/** The entropies of p = softmax(affinities) by row, on average, less that of the average p. */
function entropyLoss(affinities: Tensor): Tensor {
  const choices = softmax(affinities);
  const average = mean(choices, { axes: [0] });
  const own = negate(mean(sum(multiply(choices, logSoftmax(affinities)), { axes: [1] })));
  return add(own, sum(multiply(average, log(add(average, LOG_EPSILON)))));
}

/**
 * The original quantizer: the nearest code by plain distance.
 *
 * Input: `x` `[batch, height, width, features]`. Outputs: `quantized` alike; `indices` i32 `[batch, height, width]`;
 * `e_latent_loss`, `q_latent_loss`, `entropy_loss`.
 */
export function originalQuantizer(shape: readonly number[], codes: number): Graph {
  const features = shape.at(-1)!;
  const x = input('x', 'f32', shape);
  const codebook = parameter('codebook', [codes, features], NORMAL_INITIALIZER);
  const squared = (a: Tensor, b: Tensor): Tensor => {
    const difference = subtract(a, b);
    return multiply(difference, difference);
  };
  const rows = reshape(x, [-1, 1, features]);
  const distances = sum(squared(rows, reshape(codebook, [1, codes, features])), { axes: [2] });
  const indices = reshape(argmin(distances), shape.slice(0, -1));
  const chosen = embedding(codebook, indices);
  return makeGraph('maskgit-original-quantizer', [x], {
    indices,
    quantized: add(x, stopGradient(subtract(chosen, x))),
    e_latent_loss: multiply(mean(squared(stopGradient(chosen), x)), COMMITMENT),
    q_latent_loss: mean(squared(chosen, stopGradient(x))),
    entropy_loss: multiply(entropyLoss(multiply(distances, -1 / ENTROPY_TEMPERATURE)), ENTROPY),
  });
}

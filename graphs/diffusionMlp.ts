import {
  add,
  affine,
  cast,
  concat,
  constant,
  cos,
  type Initializer,
  layerNorm,
  layerNormLayer,
  multiply,
  NORMAL_INITIALIZER,
  reshape,
  scope,
  silu,
  sin,
  slice,
  type Tensor,
  xavierUniform,
} from '../src/dsl/index.js';

/** Sizes of the small network that draws a token from its conditioning vector. */
export interface DiffusionMlpConfig {
  /** Numbers of a token. */
  readonly channels: number;
  readonly width: number;
  /** Residual blocks. */
  readonly depth: number;
}

const NORM_EPSILON = 1e-6;
const FREQUENCIES = 128;
const LONGEST_PERIOD = 10000;
const ZEROS: Initializer = { kind: 'zeros' };

/** A linear layer that starts as Glorot and Bengio's. */
function projection(name: string, x: Tensor, outFeatures: number): Tensor {
  return affine(name, x, outFeatures, xavierUniform(Number(x.shape.at(-1)), outFeatures));
}

/** Cosines, then sines, of a step's number at many frequencies: i32 `[rows]` → `[rows, 256]` */
export function timestepEmbedding(timesteps: Tensor): Tensor {
  const frequencies = Float64Array.from({ length: FREQUENCIES }, (_, index) =>
    Math.exp((-Math.log(LONGEST_PERIOD) * index) / FREQUENCIES),
  );
  const angles = multiply(
    reshape(cast(timesteps, 'f32'), [-1, 1]),
    constant('f32', [1, FREQUENCIES], frequencies),
  );
  return concat([cos(angles), sin(angles)], 1);
}

/** The step's number as the network sees it: `[rows]` → `[rows, width]` */
export function timeEmbedding(timesteps: Tensor, width: number): Tensor {
  return scope('time_embed', () => {
    const hidden = affine('mlp.0', timestepEmbedding(timesteps), width, NORMAL_INITIALIZER);
    return affine('mlp.2', silu(hidden), width, NORMAL_INITIALIZER);
  });
}

/** x·(1 + scale) + shift */
function modulate(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
  return add(multiply(x, add(scale, 1)), shift);
}

/** So many vectors of that width that a condition `[rows, …]` asks for; none at first. */
function modulation(condition: Tensor, count: number, width: number): readonly Tensor[] {
  const vectors = affine('adaLN_modulation.1', silu(condition), count * width, ZEROS);
  return Array.from({ length: count }, (_, index) =>
    slice(vectors, { axis: 1, start: index * width, length: width }),
  );
}

/** x + gate·mlp(…): what goes in is normed, scaled and shifted; the condition decides by how much. `[rows, width]` both. */
export function diffusionBlock(x: Tensor, condition: Tensor): Tensor {
  const width = Number(x.shape[1]);
  const [shift, scale, gate] = modulation(condition, 3, width);
  const modulated = modulate(layerNormLayer('in_ln', x, NORM_EPSILON), shift!, scale!);
  const changed = projection('mlp.2', silu(projection('mlp.0', modulated, width)), width);
  return add(x, multiply(gate!, changed));
}

/** The norm, which has no weights, and the layer that gives the prediction: `[rows, width]` → `[rows, outputs]` */
export function diffusionFinalLayer(x: Tensor, condition: Tensor, outputs: number): Tensor {
  const width = Number(x.shape[1]);
  const [shift, scale] = modulation(condition, 2, width);
  const [ones, zeros] = [1, 0].map((value) => constant('f32', [width], new Float32Array(width).fill(value)));
  return affine(
    'linear',
    modulate(layerNorm(x, ones!, zeros!, NORM_EPSILON), shift!, scale!),
    outputs,
    ZEROS,
  );
}

/**
 * What the network predicts of noisy tokens: first the noise, then where the variance lies.
 * @param x noisy tokens, `[rows, channels]`
 * @param timesteps i32 `[rows]`, or `[1]` for all
 * @param z conditioning vectors, `[rows, …]`
 * @returns `[rows, 2·channels]`
 */
export function diffusionMlp(
  x: Tensor,
  timesteps: Tensor,
  z: Tensor,
  { channels, width, depth }: DiffusionMlpConfig,
): Tensor {
  let state = projection('input_proj', x, width);
  const condition = add(timeEmbedding(timesteps, width), projection('cond_embed', z, width));
  for (let block = 0; block < depth; block++)
    state = scope(`res_blocks.${block}`, () => diffusionBlock(state, condition));
  return scope('final_layer', () => diffusionFinalLayer(state, condition, 2 * channels));
}

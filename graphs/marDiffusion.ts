import {
  add,
  concat,
  type Dim,
  dim,
  type Graph,
  input,
  makeGraph,
  multiply,
  multiplyDims,
  randomNormal,
  scope,
  slice,
  subtract,
  type Tensor,
} from '../src/dsl/index.js';
import {
  earlierState,
  type Prediction,
  predictionOf,
  reverseStep,
  STEP_WEIGHTS,
  stepWeightsOf,
} from './diffusion.js';
import { diffusionMlp } from './diffusionMlp.js';
import type { MarConfig } from './mar.js';

/** The network that draws tokens, by the names of its parameters. */
export function marPrediction(x: Tensor, timesteps: Tensor, z: Tensor, { diffusion }: MarConfig): Tensor {
  return scope('diffloss.net', () => diffusionMlp(x, timesteps, z, diffusion));
}

/** The noise with guidance: both rows of a token predict it; the variance is what the row with the condition says. */
export function guidedPrediction({ noise, variance }: Prediction, rows: Dim, scale: Tensor): Prediction {
  const half = (x: Tensor, start: Dim) => slice(x, { axis: 0, start, length: rows });
  const [conditional, unconditional] = [half(noise, 0), half(noise, rows)];
  return {
    noise: add(unconditional, multiply(scale, subtract(conditional, unconditional))),
    variance: half(variance, 0),
  };
}

/**
 * One step of the diffusion backwards, for tokens by themselves.
 *
 * Inputs: `x` f32 `[rows, channels]`, the noisy tokens; `z` f32 `[rows, decoder width]`, or with guidance `[2·rows, …]`,
 * those with a condition first; `noise` f32 as x, standard normal; `timestep` i32 `[1]`, the number of the trained step;
 * `weights` f32 `[1, STEP_WEIGHTS]`, its numbers (see `stepWeightRows`); `noise_scale` f32 without axes, 0 in the last
 * step; with guidance `guidance` f32 without axes. Outputs: `next.x`, less noisy; `prediction` `[rows, 2·channels]`, or with
 * guidance `[2·rows, …]`, of the network.
 */
export function marDenoise(config: MarConfig, { isGuided }: { readonly isGuided: boolean }): Graph {
  const rows = dim('rows');
  const { channels } = config.diffusion;
  const all = isGuided ? multiplyDims(2, rows) : rows;
  const x = input('x', 'f32', [rows, channels]);
  const z = input('z', 'f32', [all, config.decoder.width]);
  const noise = input('noise', 'f32', [rows, channels]);
  const timestep = input('timestep', 'i32', [1]);
  const weights = input('weights', 'f32', [1, STEP_WEIGHTS]);
  const noiseScale = input('noise_scale', 'f32', []);
  const guidance = input('guidance', 'f32', []);
  const output = marPrediction(isGuided ? concat([x, x], 0) : x, timestep, z, config);
  const predicted = predictionOf(output);
  const step = reverseStep(
    x,
    isGuided ? guidedPrediction(predicted, rows, guidance) : predicted,
    stepWeightsOf(weights),
  );
  const next = earlierState(step, noise, noiseScale);
  const inputs = [x, z, noise, timestep, weights, noiseScale, ...(isGuided ? [guidance] : [])];
  return makeGraph(isGuided ? 'mar-denoise-guided' : 'mar-denoise', inputs, {
    'next.x': next,
    prediction: output,
  });
}

/**
 * Standard normal numbers for tokens.
 *
 * Inputs: `key` i32 `[6]` and `places` i32 `[rows, 4]` as `randomNormal` takes them. Output: `noise` `[rows, channels]`.
 */
export function marNoise({ diffusion: { channels } }: MarConfig): Graph {
  const key = input('key', 'i32', [6]);
  const tokens = input('places', 'i32', [dim('rows'), 4]);
  return makeGraph('mar-noise', [key, tokens], { noise: randomNormal(key, tokens, channels) });
}

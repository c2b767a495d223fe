import {
  add,
  broadcastTo,
  dim,
  divide,
  gather,
  type Graph,
  input,
  makeGraph,
  multiply,
  multiplyDims,
  reshape,
  scope,
  sum,
  type Tensor,
} from '../src/dsl/index.js';
import {
  diffusionLosses,
  noisyState,
  predictionOf,
  rowsOfSteps,
  stepWeightRows,
  stepWeightsOf,
} from './diffusion.js';
import { trainedDiffusion } from './diffusionTables.js';
import { keyedDropout } from './dropout.js';
import { forEachFeature, type MarConfig, marConditioning } from './mar.js';
import { marPrediction } from './marDiffusion.js';

/** How the loss is worked out. */
export interface MarTrainingOptions {
  /** Share of elements dropped from attention weights, attention output and in feed-forward networks. */
  readonly dropout?: number;
  /** How many noises of each token are predicted. */
  readonly noises: number;
}

/**
 * The loss over pictures some of whose tokens are known: how well the noise of the others' tokens is predicted.
 *
 * Inputs: `tokens` f32 `[batch, side², channels]`; `known_positions` i32 `[batch, known]`, in raster order; `mask` f32
 * `[batch, side²]`, 1 where unknown; `class_ids` i32 `[batch]` (the null class is the number of classes); `timesteps` i32
 * `[noises·batch·side²]` and `noise` f32 `[…, channels]`, for all tokens of the batch once and again; with dropout,
 * `dropout_key` i32 `[4]`. Outputs: `loss`, the mean over unknown tokens of a squared error and a bound in bits; those of each
 * row, `mse` and `vb` `[noises·batch·side²]`; `logits` `[…, 2·channels]`, what is predicted; and what it comes from, `x_t`,
 * `z`, `decoder_input`, `encoder_output` and `encoder_input`.
 */
export function marTeacherForced(config: MarConfig, { dropout = 0, noises }: MarTrainingOptions): Graph {
  const batch = dim('batch');
  const positions = config.side ** 2;
  const { channels } = config.diffusion;
  const rows = multiplyDims(noises * positions, batch);
  const tokens = input('tokens', 'f32', [batch, positions, channels]);
  const knownPositions = input('known_positions', 'i32', [batch, dim('known')]);
  const mask = input('mask', 'f32', [batch, positions]);
  const classIds = input('class_ids', 'i32', [batch]);
  const timesteps = input('timesteps', 'i32', [rows]);
  const noise = input('noise', 'f32', [rows, channels]);
  const key = input('dropout_key', 'i32', [4]);
  const known = {
    tokens: gather(tokens, forEachFeature(knownPositions, channels), 1),
    positions: knownPositions,
  };
  const states = marConditioning(known, classIds, config, keyedDropout(dropout, key));
  /** The whole list once for each noise: `[batch, side², …]` → `[rows, …]` */
  const tiled = (x: Tensor, features: readonly number[]) =>
    reshape(
      broadcastTo(reshape(x, [1, batch, positions, ...features]), [noises, batch, positions, ...features]),
      [rows, ...features],
    );
  const signal = tiled(tokens, [channels]);
  const tables = trainedDiffusion();
  const state = noisyState(signal, noise, timesteps, tables);
  const logits = marPrediction(state, timesteps, tiled(states.z, [config.decoder.width]), config);
  return scope('loss', () => {
    const weights = stepWeightsOf(rowsOfSteps(stepWeightRows(tables), timesteps));
    const row = { signal, noise, state, step: timesteps };
    const { squaredError, variational } = diffusionLosses(row, predictionOf(logits), weights);
    const counted = tiled(mask, []);
    const loss = divide(sum(multiply(counted, add(squaredError, variational))), sum(counted));
    const inputs = [tokens, knownPositions, mask, classIds, timesteps, noise, ...(dropout > 0 ? [key] : [])];
    return makeGraph('mar-teacher-forced', inputs, {
      loss,
      mse: squaredError,
      vb: variational,
      logits,
      x_t: state,
      z: states.z,
      decoder_input: states.decoderInput,
      encoder_output: states.encoderOutput,
      encoder_input: states.encoderInput,
    });
  });
}

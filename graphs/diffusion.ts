import {
  add,
  constant,
  embedding,
  equal,
  exp,
  log,
  maximum,
  mean,
  multiply,
  select,
  slice,
  stopGradient,
  subtract,
  tanh,
  type Tensor,
  less,
  greater,
} from '../src/dsl/index.js';
import type { DiffusionTables } from './diffusionTables.js';

/** Numbers of steps of a diffusion, one for each row, `[rows, 1]`, or for all, `[1, 1]` (see `DiffusionTables`). */
export interface StepWeights {
  readonly stateWeight: Tensor;
  readonly noiseWeight: Tensor;
  readonly signalMeanWeight: Tensor;
  readonly stateMeanWeight: Tensor;
  readonly mostLogVariance: Tensor;
  readonly leastLogVariance: Tensor;
}

/** The columns of a table of them. */
const COLUMNS = [
  'stateWeight',
  'noiseWeight',
  'signalMeanWeight',
  'stateMeanWeight',
  'mostLogVariance',
  'leastLogVariance',
] as const satisfies readonly (keyof StepWeights)[];

/** How many numbers a row of such a table has. */
export const STEP_WEIGHTS = COLUMNS.length;

/** A row for each step: `[steps][STEP_WEIGHTS]` */
export function stepWeightRows(tables: DiffusionTables): readonly (readonly number[])[] {
  return tables.betas.map((_, step) => [
    tables.stateWeights[step]!,
    tables.noiseWeights[step]!,
    tables.signalMeanWeights[step]!,
    tables.stateMeanWeights[step]!,
    tables.mostLogVariances[step]!,
    tables.leastLogVariances[step]!,
  ]);
}

/** The numbers of rows `[rows, STEP_WEIGHTS]` of that table. */
export function stepWeightsOf(rows: Tensor): StepWeights {
  return Object.fromEntries(
    COLUMNS.map((name, start) => [name, slice(rows, { axis: 1, start, length: 1 })]),
  ) as Record<keyof StepWeights, Tensor>;
}

/** What a network predicts of a noisy state: the noise, and where between its bounds the variance lies: `[rows, channels]` each. */
export interface Prediction {
  readonly noise: Tensor;
  readonly variance: Tensor;
}

/** The two halves of `[rows, 2·channels]`. */
export function predictionOf(output: Tensor): Prediction {
  const length = Number(output.shape[1]) / 2;
  const [noise, variance] = [0, length].map((start) => slice(output, { axis: 1, start, length }));
  return { noise: noise!, variance: variance! };
}

/** The state before a noisy one, as the network sees it: a Gaussian; and the signal that it would come to. */
export interface ReverseStep {
  readonly signal: Tensor;
  readonly mean: Tensor;
  readonly logVariance: Tensor;
}

/**
 * What is predicted of the state before (Nichol and Dhariwal, 2021).
 * @param state `[rows, channels]`
 */
export function reverseStep(
  state: Tensor,
  { noise, variance }: Prediction,
  weights: StepWeights,
): ReverseStep {
  const signal = subtract(multiply(weights.stateWeight, state), multiply(weights.noiseWeight, noise));
  const share = multiply(add(variance, 1), 0.5);
  return {
    signal,
    mean: add(multiply(weights.signalMeanWeight, signal), multiply(weights.stateMeanWeight, state)),
    logVariance: add(
      multiply(share, weights.mostLogVariance),
      multiply(subtract(1, share), weights.leastLogVariance),
    ),
  };
}

/**
 * A draw of the state before.
 * @param noise standard normal, as the state
 * @param scale weighs it; 0 in the last step, whose state is the signal
 */
export function earlierState(
  { mean: centre, logVariance }: ReverseStep,
  noise: Tensor,
  scale: Tensor,
): Tensor {
  const deviation = exp(multiply(logVariance, 0.5));
  return add(centre, multiply(scale, multiply(deviation, noise)));
}

/** Half the width of the bins that a signal is known by, and where the first and the last of them end. */
const HALF_BIN = 1 / 255;
const LAST_BIN = 0.999;
const LEAST_PROBABILITY = 1e-12;

/** Φ of the standard normal distribution, by tanh. */
function cumulativeNormal(x: Tensor): Tensor {
  const cubic = add(x, multiply(0.044715, multiply(x, multiply(x, x))));
  return multiply(0.5, add(1, tanh(multiply(Math.sqrt(2 / Math.PI), cubic))));
}

/** Logarithm of the probability of the bin that a signal lies in, under a Gaussian; the outermost bins are open. */
function logBinProbability(signal: Tensor, { mean: centre, logVariance }: ReverseStep): Tensor {
  const centred = subtract(signal, centre);
  const sharpness = exp(multiply(logVariance, -0.5));
  const upTo = (end: number) => cumulativeNormal(multiply(sharpness, add(centred, end)));
  const [below, above] = [upTo(-HALF_BIN), upTo(HALF_BIN)];
  const bounded = (probability: Tensor) => log(maximum(probability, LEAST_PROBABILITY));
  return select(
    less(signal, -LAST_BIN),
    bounded(above),
    select(greater(signal, LAST_BIN), bounded(subtract(1, below)), bounded(subtract(above, below))),
  );
}

/** KL(true posterior ‖ predicted Gaussian), `[rows, channels]`; both means share what they take from the state. */
function divergence(
  signal: Tensor,
  predicted: ReverseStep,
  { signalMeanWeight, leastLogVariance }: StepWeights,
): Tensor {
  const distance = multiply(signalMeanWeight, subtract(signal, predicted.signal));
  const ratio = subtract(leastLogVariance, predicted.logVariance);
  const squared = multiply(multiply(distance, distance), exp(multiply(predicted.logVariance, -1)));
  return multiply(0.5, add(subtract(exp(ratio), add(ratio, 1)), squared));
}

/** What a row costs: the squared error of the noise, and the variational bound in bits; `[rows]` each. */
export interface DiffusionLosses {
  readonly squaredError: Tensor;
  readonly variational: Tensor;
}

/**
 * The losses of a learned variance (docs/SYSTEMS.md, MAR training). The bound teaches the variance alone.
 * @param row of the diffusion: the signal, the noise that was added and what that gave, `[rows, channels]` each; the step,
 *   i32 `[rows]`
 */
export function diffusionLosses(
  row: { readonly signal: Tensor; readonly noise: Tensor; readonly state: Tensor; readonly step: Tensor },
  prediction: Prediction,
  weights: StepWeights,
): DiffusionLosses {
  const { signal, noise, state, step } = row;
  const missed = subtract(noise, prediction.noise);
  const predicted = reverseStep(state, { ...prediction, noise: stopGradient(prediction.noise) }, weights);
  const ofRow = (x: Tensor) => mean(x, { axes: [1] });
  const nats = select(
    equal(step, 0),
    ofRow(multiply(logBinProbability(signal, predicted), -1)),
    ofRow(divergence(signal, predicted, weights)),
  );
  return { squaredError: ofRow(multiply(missed, missed)), variational: multiply(nats, 1 / Math.LN2) };
}

/** Rows of a table of numbers, by their steps, i32 `[rows]`. */
export function rowsOfSteps(table: readonly (readonly number[])[], steps: Tensor): Tensor {
  return embedding(constant('f32', [table.length, table[0]!.length], table.flat()), steps);
}

/** The state after so much noise: √share·signal + √(1 − share)·noise. @param step i32 `[rows]` */
export function noisyState(signal: Tensor, noise: Tensor, step: Tensor, tables: DiffusionTables): Tensor {
  const rows = tables.signalShares.map((share) => [Math.sqrt(share), Math.sqrt(1 - share)]);
  const weights = rowsOfSteps(rows, step);
  const column = (start: number) => slice(weights, { axis: 1, start, length: 1 });
  return add(multiply(column(0), signal), multiply(column(1), noise));
}

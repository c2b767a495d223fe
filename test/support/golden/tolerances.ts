/** How far numbers may be off. */
export interface Tolerance {
  /** The largest error, relative to the largest magnitude of the key's tensor. */
  readonly limit: number;
  /** The mean error, relative to the mean magnitude, where it says more than the largest. */
  readonly mean?: number;
  /** Tensors whose magnitude is a smaller share of the group's largest are measured against that share instead. */
  readonly floor?: number;
}

const exact: Tolerance = { limit: 0 };

/**
 * What the numbers of a set are, and how far ours may be from them: about five times what they differ by in float64 and on
 * every target, which is the rounding of float32. A wrong epsilon is more than that.
 */
export const TOLERANCES = {
  weights: exact,
  // Angles grow with the grid, and their rounding with them.
  rope: { limit: 5e-6 },
  logits: { limit: 1e-5 },
  // Of networks whose mistakes are as small: an epsilon of 1e-5 that should be 1e-6 moves logits by 2e-5.
  states: { limit: 5e-6 },
  images: { limit: 2e-5 },
  // A loss that is the difference of two larger ones has their rounding.
  losses: { limit: 1e-5, floor: 1e-2 },
  gradients: { limit: 3e-5, floor: 1e-3 },
  // The entropy's low temperature amplifies rounding; biases before a normalisation have nothing but rounding.
  tokenizerGradients: { limit: 1e-3, floor: 1e-3 },
  gradientNorms: { limit: 2e-5 },
  rates: { limit: 1e-6 },
  // AdamW moves an element by the learning rate whichever way its gradient points, however small that is: single
  // elements with next to none may part.
  trainedWeights: { limit: 4e-3, mean: 5e-6 },
  indices: exact,
  // Of evaluation, in double precision; what the official code computes in single precision is as far as that.
  bits: exact,
  covariances: { limit: 1e-12 },
  means: { limit: 1e-14 },
  distancesFrechet: { limit: 1e-10 },
  officialFrechet: { limit: 1e-6 },
  closedFrechet: { limit: 1e-11 },
  scores: { limit: 1e-12 },
  officialScores: { limit: 1e-6 },
  kernels: { limit: 1e-12 },
  radii: { limit: 1e-13 },
  singleRadii: { limit: 1e-6 },
  probabilities: { limit: 1e-6 },
  resized: { limit: 1e-6 },
  filtered: exact,
  // Of networks whose mistakes are smaller still: about four times what float32 differs by from float64.
  precise: { limit: 2.5e-6 },
  preciseImages: { limit: 1.2e-5 },
  preciseGradients: { limit: 4e-6, floor: 1e-3 },
  preciseTokenizerGradients: { limit: 4e-5, floor: 1e-3 },
  preciselyTrained: { limit: 5e-5 },
  // A softmax of logits that are divided by as little as 0.0135 amplifies rounding.
  mixtures: { limit: 2e-5 },
  // What a network predicts of noise, and what is drawn by it: each step takes up the rounding of those before.
  predictions: { limit: 1e-4 },
  vectors: { limit: 7e-5 },
  diffusionLosses: { limit: 1.5e-6 },
  // Row by row: differences of nearly equal numbers.
  bounds: { limit: 3e-4 },
  // Schedules are float32 throughout.
  shares: { limit: 5e-7 },
} satisfies Readonly<Record<string, Tolerance>>;

export type Quantity = keyof typeof TOLERANCES;

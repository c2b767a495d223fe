import { type Schedule, tokensPerStep } from './schedule.js';

/** One sampling step: which known tokens join the cache, and which positions are predicted from it. */
export interface SamplingStep {
  /** Raster positions whose tokens are fed; the first step feeds the class token before them. */
  readonly feed: readonly number[];
  /** Raster positions predicted, all at once. */
  readonly predict: readonly number[];
}

/** How one image is sampled, worked out before the first step. */
export interface SamplingPlan {
  readonly steps: readonly SamplingStep[];
}

export interface PlanOptions {
  /** Positions to predict, in order. */
  readonly order: readonly number[];
  /** Positions whose tokens are given; they are fed in one go with the class token. */
  readonly known?: readonly number[];
  readonly steps: number;
  readonly schedule: Schedule;
}

/**
 * The plan of one image: each step feeds the tokens that the step before predicted.
 * @throws RangeError when there are more steps than positions to predict.
 */
export function samplingPlan({ order, known = [], steps, schedule }: PlanOptions): SamplingPlan {
  let done = 0;
  let feed = known;
  return {
    steps: tokensPerStep(order.length, steps, schedule).map((count) => {
      const predict = order.slice(done, done + count);
      const step = { feed, predict };
      done += count;
      feed = predict;
      return step;
    }),
  };
}

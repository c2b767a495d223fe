import { requireSteps } from '../schedule.js';
import { HALTON_SCHEDULE, knownShare, unknownShare } from './shares.js';

const f32 = Math.fround;

/**
 * Tokens that are known after each step. The last entry is all of them; a step may add none, where the official rule has
 * it so.
 * @param positions tokens to predict
 * @throws RangeError unless 1 ≤ steps ≤ positions, and for schedules that are none.
 */
export type Counts = (positions: number, steps: number, schedule: string) => readonly number[];

/** Number `index` of `count` evenly spaced float32 numbers from 0 to 1, counted from the nearer end. */
function evenlySpaced(index: number, count: number): number {
  const gap = f32(1 / (count - 1));
  return index < count / 2 ? f32(index * gap) : f32(1 - f32((count - 1 - index) * gap));
}

/** The counts of a rule, with the last forced to all. */
const cumulative =
  (knownAfter: (step: number, positions: number, steps: number, schedule: string) => number): Counts =>
  (positions, steps, schedule) => {
    requireSteps(positions, steps);
    return Array.from({ length: steps }, (_, step) =>
      step === steps - 1 ? positions : knownAfter(step, positions, steps, schedule),
    );
  };

/** The confidence sampler of Halton-MaskGIT: at least one more with each step, the first and last at the ends of the schedule. */
export const confidenceCounts = cumulative((step, positions, steps, schedule) =>
  Math.max(step + 1, Math.trunc(f32(positions * knownShare(schedule, evenlySpaced(step, steps), positions)))),
);

/** The Halton sampler, which has one schedule: at least one more with each step. */
export const haltonCounts = cumulative((step, positions, steps, schedule) => {
  if (schedule !== HALTON_SCHEDULE) throw new RangeError(`there is no schedule '${schedule}'`);
  return Math.max(
    step + 1,
    Math.trunc(f32(positions * knownShare(schedule, f32((step + 1) / steps), positions))),
  );
});

/** The nearest whole number, the even one of two. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * The older MaskGIT-pytorch: each step has a weight, which is scaled and rounded, at least one token, and the last step
 * what remains.
 */
export const v1Counts: Counts = (positions, steps, schedule) => {
  requireSteps(positions, steps);
  const weights = Array.from({ length: steps - 1 }, (_, step) =>
    unknownShare(schedule, evenlySpaced(steps - 1 - step, steps), positions),
  );
  // The last weight is the share before anything is known.
  const sum = f32(weights.reduce((total, weight) => total + weight, 1));
  let known = 0;
  return [
    ...weights.map((weight, step) => {
      const wanted = Math.max(1, roundHalfToEven(f32(f32(weight / sum) * positions)));
      // Each later step needs one.
      known = Math.min(known + wanted, positions - (steps - 1 - step));
      return known;
    }),
    positions,
  ];
};

/** The share that is never gone below while tokens are unknown. */
const SMALLEST_SHARE = 1e-6;

/** Share of the tokens that the original MaskGIT masks again, as `unknownShare`, within its limits. */
export function remaskedShare(schedule: string, progress: number, positions: number): number {
  return Math.min(1, Math.max(f32(SMALLEST_SHARE), unknownShare(schedule, progress, positions)));
}

/**
 * The original MaskGIT: so many tokens as its schedule says are masked again after a step, fewer than were unknown, at
 * least one.
 * @returns for each step; that of the last means nothing, since all that it draws stays
 */
export function remaskedCounts(positions: number, steps: number, schedule: string): readonly number[] {
  let unknown = positions;
  return Array.from({ length: steps }, (_, step) => {
    const wanted = Math.floor(f32(positions * remaskedShare(schedule, f32((step + 1) / steps), positions)));
    unknown = Math.max(1, Math.min(unknown - 1, wanted));
    return unknown;
  });
}

/** The original MaskGIT, by the tokens that are not masked again. */
export const originalCounts: Counts = (positions, steps, schedule) => {
  requireSteps(positions, steps);
  const remasked = remaskedCounts(positions, steps, schedule);
  return remasked.map((unknown, step) => (step === steps - 1 ? positions : positions - unknown));
};

import { requireSteps } from '../sampling/schedule.js';

/**
 * How many tokens each step predicts (docs/SYSTEMS.md, MAR sampling): few first, many last.
 * @throws RangeError unless 1 ≤ steps ≤ positions.
 */
export function marCounts(positions: number, steps: number): readonly number[] {
  requireSteps(positions, steps);
  let left = positions;
  return Array.from({ length: steps }, (_, step) => {
    // In the order written: where the share is a half, rounding decides.
    const wanted = Math.floor(positions * Math.cos(((Math.PI / 2) * (step + 1)) / steps));
    const after = step === steps - 1 ? 0 : Math.max(1, Math.min(left - 1, wanted));
    const count = left - after;
    left = after;
    return count;
  });
}

/**
 * The share of tokens that linear guidance counts as known in a step.
 * @param after tokens that are known after it
 */
export function marKnownShare(positions: number, after: number): number {
  return Math.min(after, positions - 1) / positions;
}

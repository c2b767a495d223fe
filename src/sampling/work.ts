import type { Grid } from '../../graphs/rotary.js';
import type { Plan } from './plan.js';

/**
 * What a call of a graph costs by itself, in the time that one token of one row takes: reading the weights. Measured with
 * ARPG-L on a CPU; with other sizes only the estimate of the time left is worse for it.
 */
const WORK_OF_CALL = 16;
/** What decoding a token costs likewise. */
export const WORK_OF_DECODING = 2;

/**
 * The work of each step of a plan, in the time that one token of one row takes: more where a step has more tokens. What
 * is left of it tells how much time is left.
 * @param grid the tokens that a call without sizes of its own goes over
 */
export function workOfSteps({ steps }: Plan, grid: Grid): readonly number[] {
  return steps.map(({ runs }) =>
    runs.reduce((sum, { isLight = false, sizes: { batch = 1, past: _, ...fed } }) => {
      if (isLight) return sum;
      const tokens = Object.values(fed).reduce((all, size) => all + size, 0) || grid.height * grid.width;
      return sum + WORK_OF_CALL + batch * tokens;
    }, 0),
  );
}

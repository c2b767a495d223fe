/** How the share of tokens still unknown falls from step to step (docs/SYSTEMS.md, ARPG sampling). */
export const SCHEDULES = ['arccos', 'cosine'] as const;
type Schedule = (typeof SCHEDULES)[number];

/** Share of tokens that is unknown once `progress` (0 to 1) of the steps is done. */
const unknownShare: Readonly<Record<Schedule, (progress: number) => number>> = {
  arccos: (progress) => Math.acos(progress) / (Math.PI / 2),
  cosine: (progress) => Math.cos((Math.PI / 2) * progress),
};

const isSchedule = (name: string): name is Schedule => (SCHEDULES as readonly string[]).includes(name);

/** @throws RangeError unless 1 ≤ steps ≤ positions. */
export function requireSteps(positions: number, steps: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > positions)
    throw new RangeError(`${steps} steps for ${positions} tokens: there must be 1 to ${positions}`);
}

/**
 * How many tokens each step predicts: few first, many last; at least one each, all together `positions`.
 * @param schedule one of `SCHEDULES`
 * @throws RangeError unless 1 ≤ steps ≤ positions, and for schedules that are none.
 */
export function tokensPerStep(positions: number, steps: number, schedule: string): readonly number[] {
  if (!isSchedule(schedule)) throw new RangeError(`there is no schedule '${schedule}'`);
  requireSteps(positions, steps);
  let done = 0;
  return Array.from({ length: steps }, (_, step) => {
    const wanted = Math.floor(positions * unknownShare[schedule]((step + 1) / steps));
    const remaining = step === steps - 1 ? 0 : Math.max(1, Math.min(wanted, positions - done - 1));
    const count = positions - done - remaining;
    done += count;
    return count;
  });
}

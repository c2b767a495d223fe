/**
 * A learning rate that rises linearly, then falls along half a cosine: from its peak to its final value (docs/SYSTEMS.md,
 * ARPG training), or, where it is held first, to 0, but not below the final value (docs/SYSTEMS.md, MaskGIT).
 */
export interface LearningRateSchedule {
  readonly peak: number;
  readonly final: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** Share of the steps until which it is held at its peak (default: it is not). */
  readonly holdShare?: number;
  /**
   * Whether it rises from a share of its peak, and falls in a straight line after a share of the steps behind the warm-up
   * (docs/SYSTEMS.md, VAR).
   */
  readonly isStraight?: boolean;
}

/** The share of its peak that a straight rate rises from. */
const FIRST_SHARE = 0.005;

function straightRate(
  step: number,
  { peak, final, warmupSteps, totalSteps, holdShare = 0 }: LearningRateSchedule,
): number {
  const done = step - 1;
  if (done < warmupSteps) return peak * (FIRST_SHARE + ((1 - FIRST_SHARE) * done) / warmupSteps);
  const progress = Math.min(1, (done - warmupSteps) / Math.max(1, totalSteps - 1 - warmupSteps));
  return progress < holdShare ? peak : final + ((peak - final) * (1 - progress)) / (1 - holdShare);
}

/** The rate of a step, counted from 1; after the last step it stays at the final rate. */
export function learningRateAt(step: number, schedule: LearningRateSchedule): number {
  if (schedule.isStraight) return straightRate(step, schedule);
  const { peak, final, warmupSteps, totalSteps, holdShare } = schedule;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  if (holdShare !== undefined) {
    const held = holdShare * totalSteps;
    const progress = Math.min(1, Math.max(0, step - held) / Math.max(1, totalSteps - held));
    return Math.max(final, peak * 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return final + (peak - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The weight decay of a step, counted from 1, where it goes along half a cosine to what it is in the last one. */
export function weightDecayAt(step: number, first: number, final: number, totalSteps: number): number {
  const progress = Math.min(1, (step - 1) / Math.max(1, totalSteps - 1));
  return final + (first - final) * (0.5 + 0.5 * Math.cos(Math.PI * progress));
}

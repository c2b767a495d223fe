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
}

/** The rate of a step, counted from 1; after the last step it stays at the final rate. */
export function learningRateAt(
  step: number,
  { peak, final, warmupSteps, totalSteps, holdShare }: LearningRateSchedule,
): number {
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  if (holdShare !== undefined) {
    const held = holdShare * totalSteps;
    const progress = Math.min(1, Math.max(0, step - held) / Math.max(1, totalSteps - held));
    return Math.max(final, peak * 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return final + (peak - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** A learning rate that rises linearly, then falls along half a cosine (docs/SYSTEMS.md, ARPG training). */
export interface LearningRateSchedule {
  readonly peak: number;
  readonly final: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The rate of a step, counted from 1; after the last step it stays at the final rate. */
export function learningRateAt(
  step: number,
  { peak, final, warmupSteps, totalSteps }: LearningRateSchedule,
): number {
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return final + (peak - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

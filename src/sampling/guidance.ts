/** How the guidance scale changes while an image is sampled (docs/SYSTEMS.md, Guidance). */
export const GUIDANCE_SCHEDULES = ['constant', 'linear'] as const;
export type GuidanceSchedule = (typeof GUIDANCE_SCHEDULES)[number];

/** The scale at which the logits of the condition stand alone. */
export const CONDITION_ALONE = 1;

/**
 * The scale at one step. Linear guidance grows from 1 with the share of known tokens.
 * @param knownShare share of the tokens known after this step, 0 to 1
 */
export function guidanceScale(scale: number, schedule: GuidanceSchedule, knownShare: number): number {
  return schedule === 'constant' ? scale : 1 + (scale - 1) * knownShare;
}

/**
 * Writes what classifier-free guidance makes of the conditional logits: null + (conditional − null)·scale, and then
 * divided by the temperature. Both are rounded.
 * @returns the sum of what is written, which is a finite number where all are
 */
export function guideInto(
  conditional: Float32Array,
  unconditional: Float32Array,
  scale: number,
  into: Float32Array,
  temperature = 1,
): number {
  let sum = 0;
  for (let index = 0; index < into.length; index++) {
    const without = unconditional[index]!;
    const guided = Math.fround(without + (conditional[index]! - without) * scale);
    const tempered = temperature === 1 ? guided : Math.fround(guided / temperature);
    into[index] = tempered;
    sum += tempered;
  }
  return sum;
}

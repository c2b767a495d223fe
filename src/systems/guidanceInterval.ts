import { CONDITION_ALONE, guidanceScale } from '../sampling/guidance.js';
import type { SamplingOptions } from '../sampling/request.js';

/** The number of tokens up to which there is guidance; undefined where there is always. */
export function intervalOf(own: SamplingOptions['own']): number | undefined {
  return own?.guidanceInterval as number | undefined;
}

/**
 * The scale of a step.
 * @param isGuided whether the step lies in the interval
 * @param knownShare share of the tokens known after the step, 0 to 1
 */
export function scaleOf(
  { guidance, guidanceSchedule }: Pick<SamplingOptions, 'guidance' | 'guidanceSchedule'>,
  isGuided: boolean,
  knownShare: number,
): number {
  return isGuided ? guidanceScale(guidance, guidanceSchedule, knownShare) : CONDITION_ALONE;
}

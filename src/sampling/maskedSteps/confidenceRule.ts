import { type ChoiceNoise, mostConfident, type NoiseRamp, unknownOf } from './mostConfident.js';
import type { ChoosingRule } from './rule.js';

/** From 1 in the first step to 0 in the last. */
export const fallingToLast: NoiseRamp = (step, steps) => (steps === 1 ? 0 : 1 - step / (steps - 1));

/**
 * Positions with the most confident draws become known, as in Halton-MaskGIT. All that are known draw again with each
 * step.
 * @param freeze keeps what is known
 */
export function confidenceRule(freeze: boolean, noise: ChoiceNoise): ChoosingRule {
  return {
    drawsMask: true,
    forgetsMasks: true,
    candidates: (view) => (freeze ? unknownOf(view) : view.order),
    choose: (view, draws) => [
      ...(freeze ? [] : view.order.filter((position) => view.isKnown(position))),
      ...mostConfident(view, draws, noise, fallingToLast),
    ],
  };
}

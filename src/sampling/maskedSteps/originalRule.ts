import { type ChoiceNoise, mostConfident, type NoiseRamp, unknownOf } from './mostConfident.js';
import type { ChoosingRule } from './rule.js';

/** The share of steps that are still to come. */
const toCome: NoiseRamp = (step, steps) => 1 - (step + 1) / steps;

/** Positions with the most confident draws become known and stay as they are, as in the original MaskGIT. */
export function originalRule(noise: ChoiceNoise): ChoosingRule {
  return {
    drawsMask: false,
    forgetsMasks: false,
    candidates: unknownOf,
    choose: (view, draws) => mostConfident(view, draws, noise, toCome),
  };
}

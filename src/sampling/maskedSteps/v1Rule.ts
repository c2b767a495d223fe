import { fallingToLast } from './confidenceRule.js';
import { type ChoiceNoise, mostConfident, unknownOf } from './mostConfident.js';
import type { ChoosingRule } from './rule.js';

/** Positions with the most confident draws become known and stay as they are, as in the older MaskGIT-pytorch. */
export function v1Rule(noise: ChoiceNoise): ChoosingRule {
  return {
    drawsMask: true,
    forgetsMasks: false,
    candidates: unknownOf,
    choose: (view, draws) => mostConfident(view, draws, noise, fallingToLast),
  };
}

import type { ChoosingRule } from './rule.js';

/**
 * Positions become known in their order, whatever was drawn. All that are known draw again with each step.
 * @param freeze keeps what is known
 */
export function haltonRule(freeze: boolean): ChoosingRule {
  return {
    drawsMask: true,
    forgetsMasks: true,
    candidates: ({ order, after, isKnown }) =>
      order.slice(0, after).filter((position) => !freeze || !isKnown(position)),
  };
}

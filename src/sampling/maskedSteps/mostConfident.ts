import type { Draw, StepView } from './rule.js';

/** What is added to the confidence in a draw so that the choice is not always the safest. */
export const CHOICE_NOISES = ['linear', 'warm-up', 'random', 'none'] as const;

export interface ChoiceNoise {
  /**
   * `linear`: Gumbel numbers, whose weight falls to nothing; `random`: a random number in place of the confidence;
   * `warm-up`: that in the first two steps alone; `none`.
   */
  readonly kind: (typeof CHOICE_NOISES)[number];
  /** The weight of Gumbel numbers at its largest, ≥ 0. */
  readonly temperature: number;
}

/** The weight of Gumbel numbers in a step, as a share of the largest. */
export type NoiseRamp = (step: number, steps: number) => number;

/** Steps that warm-up has. */
const WARM_UP_STEPS = 2;

/** Unknown positions of the order. */
export const unknownOf = ({ order, isKnown }: StepView): readonly number[] =>
  order.filter((position) => !isKnown(position));

/** The confidence in each draw, in logarithms. */
function confidences(
  { step, steps, noise }: StepView,
  draws: ReadonlyMap<number, Draw>,
  { kind, temperature }: ChoiceNoise,
  ramp: NoiseRamp,
): (position: number) => number {
  if (kind === 'random' || (kind === 'warm-up' && step < WARM_UP_STEPS))
    return (position) => noise.uniform(step, position);
  const weight = kind === 'linear' ? temperature * ramp(step, steps) : 0;
  return (position) =>
    draws.get(position)!.logProbability + (weight === 0 ? 0 : weight * noise.gumbel(step, position));
}

/** As many of the unknown positions as the step makes known: those whose draws are the most confident. */
export function mostConfident(
  view: StepView,
  draws: ReadonlyMap<number, Draw>,
  noise: ChoiceNoise,
  ramp: NoiseRamp,
): readonly number[] {
  const unknown = unknownOf(view);
  const wanted = Math.max(0, view.after - (view.order.length - unknown.length));
  const confidenceOf = confidences(view, draws, noise, ramp);
  const confidence = new Map(unknown.map((position) => [position, confidenceOf(position)]));
  return [...unknown].sort((a, b) => confidence.get(b)! - confidence.get(a)! || a - b).slice(0, wanted);
}

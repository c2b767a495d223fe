import { type TokenWords, tokenWords, uniformFor } from '../../random/draws.js';

/** All that is random about one picture while it is drawn. */
export interface StepNoise {
  /** The words of the race for the token of a raster position, as `pickToken` takes them. */
  race(step: number, position: number): TokenWords;
  /** A number in (0, 1) that may decide whether a raster position is chosen. */
  uniform(step: number, position: number): number;
  /** The same as a number of the standard Gumbel distribution. */
  gumbel(step: number, position: number): number;
}

/** Half of the distance of the numbers that are drawn: moves them off 0. */
const HALF_STEP = 2 ** -25;

/**
 * The noise of a picture, each number by itself: it depends on the seed, the picture, the step and the position alone.
 * @param positions tokens of the whole grid
 * @param picture its number under the seed, and whether a part of it is drawn anew
 */
export function drawnNoise(
  seed: number,
  positions: number,
  { index, isRedrawn = false }: { readonly index: number; readonly isRedrawn?: boolean },
): StepNoise {
  const [token, choice] = isRedrawn
    ? (['redrawnMaskedToken', 'redrawnChoice'] as const)
    : (['maskedToken', 'choice'] as const);
  const uniform = (step: number, position: number) =>
    uniformFor(seed, index, step * positions + position, choice) + HALF_STEP;
  return {
    race: (step, position) => tokenWords(seed, index, step * positions + position, token),
    uniform,
    gumbel: (step, position) => -Math.log(-Math.log(uniform(step, position))),
  };
}

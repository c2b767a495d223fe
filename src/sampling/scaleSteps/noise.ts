import { type TokenWords, tokenWords } from '../../random/draws.js';
import { RUN_WORDS } from '../../random/philoxRun.js';

/** All that is random about one picture that is drawn scale by scale; positions count over the codes of all scales. */
export interface ScaleNoise {
  /** The words of the race for a code, as `pickToken` takes them. */
  race(position: number): TokenWords;
  /** A number of the standard Gumbel distribution for each of so many codes. */
  gumbel(position: number, codes: number): ArrayLike<number>;
}

/** Words are turned into numbers inside (0, 1): (word + ½)/2³². */
const WORD_RANGE = 2 ** 32;

/**
 * The noise of a picture, each number by itself: it depends on the seed, the picture and the position alone.
 * @param picture its number under the seed, and whether a part of it is drawn anew
 */
export function scaleNoise(
  seed: number,
  { index, isRedrawn = false }: { readonly index: number; readonly isRedrawn?: boolean },
): ScaleNoise {
  const [token, smooth] = isRedrawn
    ? (['redrawnToken', 'redrawnSmooth'] as const)
    : (['token', 'smooth'] as const);
  return {
    race: (position) => tokenWords(seed, index, position, token),
    gumbel(position, codes) {
      const words = tokenWords(seed, index, position, smooth);
      const noise = new Float64Array(codes);
      for (let start = 0; start < codes; start += RUN_WORDS)
        for (const [offset, word] of words(start)
          .subarray(0, codes - start)
          .entries())
          noise[start + offset] = -Math.log(-Math.log((word + 0.5) / WORD_RANGE));
      return noise;
    },
  };
}

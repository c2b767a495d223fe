import { largestOf } from './filter.js';

/** Words are turned into numbers inside (0, 1): (word + ½)/2³². */
const WORD_RANGE = 2 ** 32;
/** No exponential number below −log(1 − 2⁻³³) can come out of a word. */
const LOG_SMALLEST_EXPONENTIAL = -33 * Math.LN2;
/** More than the rounding of what it is compared with. */
const MARGIN = 1e-6;

/**
 * Samples from the softmax of the logits by a race: token i arrives at time Eᵢ/pᵢ, with Eᵢ exponential, and the
 * first wins (the Gumbel-max trick without its second logarithm). Unlike counting through the cumulative sum, where
 * the rounding of every logit moves every border, a token here changes only if two arrivals nearly tie.
 * @param logits `[vocabulary]`; −∞ where dropped
 * @param words writes the random words of tokens 4·block to 4·block + 3
 */
export function pickToken(logits: Float32Array, words: (into: Uint32Array, block: number) => void): number {
  const largest = largestOf(logits);
  const block = new Uint32Array(4);
  let filled = -1;
  let winner = 0;
  let fastest = 0;
  // What the logarithm of a token's speed must come up to.
  let toBeat = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const gap = logits[token]! - largest;
    // Too unlikely to win with any random number: saves drawing one.
    if (gap - LOG_SMALLEST_EXPONENTIAL < toBeat) continue;
    if (token >> 2 !== filled) {
      filled = token >> 2;
      words(block, filled);
    }
    const word = block[token & 3]!;
    // The exponential number is at least 1 − u, and that is at least 2^−(1 + its leading zeros): saves the logarithms.
    if (gap + (Math.clz32(~word) + 1) * Math.LN2 < toBeat) continue;
    const speed = Math.exp(gap) / -Math.log((word + 0.5) / WORD_RANGE);
    if (speed > fastest) {
      fastest = speed;
      toBeat = Math.log(speed) - MARGIN;
      winner = token;
    }
  }
  return winner;
}

/** Words are turned into numbers inside (0, 1): (word + ½)/2³². */
const WORD_RANGE = 2 ** 32;
/** No exponential number below −log(1 − 2⁻³³) can come out of a word. */
const SMALLEST_EXPONENTIAL = 2 ** -33;

/**
 * Samples from the softmax of the logits by a race: token i arrives at time Eᵢ/pᵢ, with Eᵢ exponential, and the
 * first wins (the Gumbel-max trick without its second logarithm). Unlike counting through the cumulative sum, where
 * the rounding of every logit moves every border, a token here changes only if two arrivals nearly tie.
 * @param logits `[vocabulary]`; −∞ where dropped
 * @param words writes the random words of tokens 4·block to 4·block + 3
 */
export function pickToken(logits: Float32Array, words: (into: Uint32Array, block: number) => void): number {
  let largest = -Infinity;
  for (let token = 0; token < logits.length; token++) if (logits[token]! > largest) largest = logits[token]!;
  const block = new Uint32Array(4);
  let filled = -1;
  let winner = 0;
  let fastest = 0;
  for (let token = 0; token < logits.length; token++) {
    const weight = Math.exp(logits[token]! - largest);
    // Too unlikely to win with any random number: saves drawing one.
    if (weight <= fastest * SMALLEST_EXPONENTIAL) continue;
    if (token >> 2 !== filled) {
      filled = token >> 2;
      words(block, filled);
    }
    const speed = weight / -Math.log((block[token & 3]! + 0.5) / WORD_RANGE);
    if (speed > fastest) {
      fastest = speed;
      winner = token;
    }
  }
  return winner;
}

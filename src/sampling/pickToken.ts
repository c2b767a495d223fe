import type { TokenWords } from '../random/draws.js';
import { RUN_WORDS } from '../random/philoxRun.js';

/** Words are turned into numbers inside (0, 1): (word + ½)/2³². */
const WORD_RANGE = 2 ** 32;
/** More than the rounding of what is compared with bounds. */
const MARGIN = 1 + 1e-6;

/** Memory that races of one vocabulary use in turn: the largest logit of each run of tokens. */
export type RaceScratch = Float32Array;

export function raceScratch(vocabulary: number): RaceScratch {
  return new Float32Array(Math.ceil(vocabulary / RUN_WORDS));
}

/** Writes the largest logit of each run. @returns the first run that has the largest of all */
function largestOfRuns(logits: Float32Array, into: RaceScratch): number {
  let likely = 0;
  for (let run = 0; run < into.length; run++) {
    const end = Math.min((run + 1) * RUN_WORDS, logits.length);
    let largest = -Infinity;
    for (let token = run * RUN_WORDS; token < end; token++)
      if (logits[token]! > largest) largest = logits[token]!;
    into[run] = largest;
    if (largest > into[likely]!) likely = run;
  }
  return likely;
}

/**
 * The smallest word with which a token can be as fast as the fastest. Its exponential number is at least 1 − u, so that
 * it needs 1 − u ≤ p/speed.
 * @param likelihood at least its own
 * @returns more than any word where there is none
 */
function smallestWord(likelihood: number, speed: number): number {
  return Math.max(0, Math.ceil(WORD_RANGE * (1 - (likelihood / speed) * MARGIN) - 0.5));
}

/**
 * Samples from the softmax of the logits by a race: token i arrives at time Eᵢ/pᵢ, with Eᵢ exponential, and the
 * first wins (the Gumbel-max trick without its second logarithm). Unlike counting through the cumulative sum, where
 * the rounding of every logit moves every border, a token here changes only if two arrivals nearly tie.
 * @param logits `[vocabulary]`; −∞ where dropped, which not all are
 */
export function pickToken(
  logits: Float32Array,
  words: TokenWords,
  largestOf: RaceScratch = raceScratch(logits.length),
): number {
  const likely = largestOfRuns(logits, largestOf);
  const largest = largestOf[likely]!;
  let winner = 0;
  let fastest = 0;
  // The likely ones first: they set a speed that most others cannot reach. Then all but them.
  for (let turn = -1; turn < largestOf.length; turn++) {
    if (turn === likely) continue;
    const run = turn < 0 ? likely : turn;
    const likelihood = Math.exp(largestOf[run]! - largest);
    const smallest = smallestWord(likelihood, fastest);
    // Too unlikely to win with any random number: saves drawing one.
    if (smallest >= WORD_RANGE) continue;
    let wanted = smallest >>> 0;
    const start = run * RUN_WORDS;
    const drawn = words(start);
    const count = Math.min(RUN_WORDS, logits.length - start);
    for (let index = 0; index < count; index++) {
      const word = drawn[index]!;
      // Saves the exponential and the logarithm.
      if (word < wanted) continue;
      const token = start + index;
      const speed = Math.exp(logits[token]! - largest) / -Math.log((word + 0.5) / WORD_RANGE);
      // The first of equals wins.
      if (speed > fastest || (speed === fastest && token < winner)) {
        fastest = speed;
        winner = token;
        wanted = smallestWord(likelihood, speed) >>> 0;
      }
    }
  }
  return winner;
}

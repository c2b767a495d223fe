/**
 * Philox 4×32-10, a counter-based random number generator (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011): the numbers for a counter depend on nothing but the counter and the key, so they are the
 * same in any order, batch or thread.
 */

export const PHILOX_ROUNDS = 10;
export const PHILOX_MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const;
export const PHILOX_KEY_INCREMENTS = [0x9e3779b9, 0xbb67ae85] as const;

/** Four unsigned 32-bit words. */
export type PhiloxWords = readonly [number, number, number, number];

/** High word of the 64-bit product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * The four random words of a counter.
 * @param counter four unsigned 32-bit words
 * @param key two unsigned 32-bit words
 */
export function philox(counter: PhiloxWords, key: readonly [number, number]): PhiloxWords {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const high0 = multiplyHigh(PHILOX_MULTIPLIERS[0], c0);
    const low0 = Math.imul(PHILOX_MULTIPLIERS[0], c0) >>> 0;
    const high1 = multiplyHigh(PHILOX_MULTIPLIERS[1], c2);
    const low1 = Math.imul(PHILOX_MULTIPLIERS[1], c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + PHILOX_KEY_INCREMENTS[0]) >>> 0;
    k1 = (k1 + PHILOX_KEY_INCREMENTS[1]) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** A word as a number in [0, 1) that float32 holds exactly: its upper 24 bits. */
export function wordToUniform(word: number): number {
  return (word >>> 8) / 0x1000000;
}

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
 * Writes the four random words of a counter into `words`.
 * @param c0 the counter's four unsigned 32-bit words, and
 * @param k0 the key's two
 */
export function philoxInto(
  words: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  let [a, b, c, d, keyA, keyB] = [c0, c1, c2, c3, k0, k1];
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const highA = multiplyHigh(PHILOX_MULTIPLIERS[0], a);
    const lowA = Math.imul(PHILOX_MULTIPLIERS[0], a);
    const highC = multiplyHigh(PHILOX_MULTIPLIERS[1], c);
    const lowC = Math.imul(PHILOX_MULTIPLIERS[1], c);
    a = (highC ^ b ^ keyA) >>> 0;
    b = lowC >>> 0;
    c = (highA ^ d ^ keyB) >>> 0;
    d = lowA >>> 0;
    keyA = (keyA + PHILOX_KEY_INCREMENTS[0]) >>> 0;
    keyB = (keyB + PHILOX_KEY_INCREMENTS[1]) >>> 0;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

/**
 * The four random words of a counter.
 * @param counter four unsigned 32-bit words
 * @param key two unsigned 32-bit words
 */
export function philox([c0, c1, c2, c3]: PhiloxWords, [k0, k1]: readonly [number, number]): PhiloxWords {
  const words = new Uint32Array(4);
  philoxInto(words, c0, c1, c2, c3, k0, k1);
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}

/** 32-bit words as halves of 16 bits, the lower one first: numbers that a float32 holds exactly. */
export function wordHalves(words: readonly number[]): readonly number[] {
  return words.flatMap((word) => [word & 0xffff, word >>> 16]);
}

/** A word as a number in [0, 1) that float32 holds exactly: its upper 24 bits. */
export function wordToUniform(word: number): number {
  return (word >>> 8) / 0x1000000;
}

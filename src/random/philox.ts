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

/** High word of the 64-bit product of two unsigned 32-bit words, by their halves, in whole numbers of 32 bits. */
function multiplyHigh(a: number, bLow: number, bHigh: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

// Constants of their own: numbers out of an array would be read anew in each round.
const [A_MULTIPLIER, C_MULTIPLIER] = [PHILOX_MULTIPLIERS[0] | 0, PHILOX_MULTIPLIERS[1] | 0];
const [A_LOW, A_HIGH] = [A_MULTIPLIER & 0xffff, A_MULTIPLIER >>> 16];
const [C_LOW, C_HIGH] = [C_MULTIPLIER & 0xffff, C_MULTIPLIER >>> 16];

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
  // Signed in between, which are the same bits and faster.
  let [a, b, c, d, keyA, keyB] = [c0 | 0, c1 | 0, c2 | 0, c3 | 0, k0 | 0, k1 | 0];
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const highA = multiplyHigh(a, A_LOW, A_HIGH);
    const lowA = Math.imul(A_MULTIPLIER, a);
    const highC = multiplyHigh(c, C_LOW, C_HIGH);
    const lowC = Math.imul(C_MULTIPLIER, c);
    a = highC ^ b ^ keyA;
    b = lowC;
    c = highA ^ d ^ keyB;
    d = lowA;
    keyA = (keyA + PHILOX_KEY_INCREMENTS[0]) | 0;
    keyB = (keyB + PHILOX_KEY_INCREMENTS[1]) | 0;
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

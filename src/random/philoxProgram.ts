import { PHILOX_KEY_INCREMENTS, PHILOX_MULTIPLIERS, PHILOX_ROUNDS } from './philox.js';
import { type Code, get, I32, i32, i32x4, moduleOf, repeatWhile, set, V128 } from './webAssembly.js';

// What the function takes.
const [FIRST, C1, C2, C3, K0, K1] = [0, 1, 2, 3, 4, 5];
const PARAMETERS = 6;
/** Where in the memory the next words go. */
const AT = 6;
// The four words of four counters, a lane for each counter.
const [A, B, C, D] = [7, 8, 9, 10];
/** The first words of the counters. */
const COUNTERS = 11;
// Products of the first words, and of the third, of counters 0 and 1, and of counters 2 and 3.
const [A_LOW, A_HIGH, C_LOW, C_HIGH] = [12, 13, 14, 15];
/** Two keys for each round. */
const KEYS = 16;
const LOCALS = [I32, ...new Array<number>(KEYS - A + 2 * PHILOX_ROUNDS).fill(V128)];

const BYTES_AT_A_TIME = 64;

const key = (round: number, half: 0 | 1) => KEYS + 2 * round + half;

/** What was added to a half of the key before a round. */
const increment = (round: number, half: 0 | 1) => Math.imul(PHILOX_KEY_INCREMENTS[half], round);

const MULTIPLIERS = PHILOX_MULTIPLIERS.map((multiplier) => i32x4.constant(new Array(4).fill(multiplier)));

/** The lower or the upper words of four products. */
const lowerWords = (low: number, high: number) => i32x4.pick(get(low), get(high), [0, 2, 4, 6]);
const upperWords = (low: number, high: number) => i32x4.pick(get(low), get(high), [1, 3, 5, 7]);

/** A round of Philox, as in `philoxInto`. */
function roundOf(round: number): Code {
  const mixed = (upper: Code, word: number, half: 0 | 1) =>
    i32x4.xor(i32x4.xor(upper, get(word)), get(key(round, half)));
  return [
    set(A_LOW, i32x4.lowProducts(get(A), MULTIPLIERS[0]!)),
    set(A_HIGH, i32x4.highProducts(get(A), MULTIPLIERS[0]!)),
    set(C_LOW, i32x4.lowProducts(get(C), MULTIPLIERS[1]!)),
    set(C_HIGH, i32x4.highProducts(get(C), MULTIPLIERS[1]!)),
    set(A, mixed(upperWords(C_LOW, C_HIGH), B, 0)),
    set(B, lowerWords(C_LOW, C_HIGH)),
    set(C, mixed(upperWords(A_LOW, A_HIGH), D, 1)),
    set(D, lowerWords(A_LOW, A_HIGH)),
  ].flat();
}

/** Stores the words counter by counter: a 4 by 4 matrix is turned. */
function storeWords(): Code {
  const interleaved = (one: number, other: number, lane: number) =>
    i32x4.pick(get(one), get(other), [lane, lane + 4, lane + 1, lane + 5]);
  const counter = (pairsAb: number, pairsCd: number, lane: number) =>
    i32x4.pick(get(pairsAb), get(pairsCd), [lane, lane + 1, lane + 4, lane + 5]);
  return [
    set(A_LOW, interleaved(A, B, 0)),
    set(A_HIGH, interleaved(A, B, 2)),
    set(C_LOW, interleaved(C, D, 0)),
    set(C_HIGH, interleaved(C, D, 2)),
    i32x4.store(get(AT), 0, counter(A_LOW, C_LOW, 0)),
    i32x4.store(get(AT), 16, counter(A_LOW, C_LOW, 2)),
    i32x4.store(get(AT), 32, counter(A_HIGH, C_HIGH, 0)),
    i32x4.store(get(AT), 48, counter(A_HIGH, C_HIGH, 2)),
  ].flat();
}

/**
 * A WebAssembly module that runs Philox for four counters at a time. Its function takes the first word of the first
 * counter, the three other words of all and the key, and writes the words of counters that follow each other from
 * address 0 on.
 * @param words how many it writes, a multiple of 16
 */
export function philoxProgram(words: number): Uint8Array<ArrayBuffer> {
  const rounds = Array.from({ length: PHILOX_ROUNDS }, (_, round) => round);
  const keys = rounds.flatMap((round) => [
    ...set(key(round, 0), i32x4.splat(i32.add(get(K0!), i32.constant(increment(round, 0))))),
    ...set(key(round, 1), i32x4.splat(i32.add(get(K1!), i32.constant(increment(round, 1))))),
  ]);
  const fourCounters = [
    ...set(A!, get(COUNTERS)),
    ...set(B!, i32x4.splat(get(C1!))),
    ...set(C!, i32x4.splat(get(C2!))),
    ...set(D!, i32x4.splat(get(C3!))),
    ...rounds.flatMap(roundOf),
    ...storeWords(),
    ...set(COUNTERS, i32x4.add(get(COUNTERS), i32x4.constant([4, 4, 4, 4]))),
    ...set(AT, i32.add(get(AT), i32.constant(BYTES_AT_A_TIME))),
  ];
  return moduleOf(PARAMETERS, LOCALS, [
    ...keys,
    ...set(COUNTERS, i32x4.add(i32x4.splat(get(FIRST!)), i32x4.constant([0, 1, 2, 3]))),
    ...repeatWhile(fourCounters, i32.less(get(AT), i32.constant(words * Uint32Array.BYTES_PER_ELEMENT))),
  ]);
}

import { philox, wordHalves, wordToUniform } from './philox.js';
import { philoxRun } from './philoxRun.js';

/**
 * Random numbers of sampling. Each is the output of Philox for (seed; image, position, purpose), so that an image
 * never depends on what else is in its batch, on order, or on threads.
 */
const PURPOSE = {
  order: 1,
  token: 2,
  data: 3,
  label: 4,
  initialWeights: 5,
  augmentation: 6,
  variant: 7,
  keep: 8,
  class: 9,
  redrawnToken: 10,
  redrawnOrder: 11,
  maskShare: 12,
  mask: 13,
  maskedToken: 14,
  redrawnMaskedToken: 15,
  choice: 16,
  redrawnChoice: 17,
  smooth: 18,
  redrawnSmooth: 19,
  diffusion: 20,
  redrawnDiffusion: 21,
  diffusionTime: 22,
  posterior: 23,
  classAlone: 24,
} as const;

export type Purpose = keyof typeof PURPOSE;

/** Seeds are whole numbers from 0 to 2⁵³ − 1. */
export function isSeed(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The two words of a seed. */
function keyOf(seed: number): readonly [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/** Random words of the tokens from `first` on, a multiple of `RUN_WORDS`: as many as that, in memory that the next call reuses. */
export type TokenWords = (first: number) => Uint32Array;

/**
 * A random word for each token of the vocabulary at one position.
 * @param purpose whether a new picture is drawn or a part of one anew: under one seed they must not draw alike
 */
export function tokenWords(
  seed: number,
  image: number,
  position: number,
  purpose: Purpose = 'token',
): TokenWords {
  const [k0, k1] = keyOf(seed);
  const run = philoxRun();
  // A counter has four words.
  return (first) => run(first >>> 2, position, image, PURPOSE[purpose], k0, k1);
}

/**
 * The number in [0, 1) for a purpose.
 * @param image number of the image under this seed, from 0
 * @param position raster position, or whatever tells the numbers of one purpose apart
 */
export function uniformFor(seed: number, image: number, position: number, purpose: Purpose): number {
  return wordToUniform(philox([position, image, PURPOSE[purpose], 0], keyOf(seed))[0]);
}

/** Purposes are fewer than this. */
const PURPOSES = 256;

/** The word that tells draws of a purpose apart. */
function drawWord(purpose: Purpose, draw: number): number {
  return PURPOSE[purpose] + PURPOSES * draw;
}

/**
 * The key of rows of normal numbers, as `randomNormal` takes it: i32 `[6]`. A row's place is position and image.
 * @param draw tells the draws of one purpose apart, from 0
 */
export function normalKey(seed: number, purpose: Purpose, draw: number): readonly number[] {
  return wordHalves([...keyOf(seed), drawWord(purpose, draw)]);
}

/** The key of such a row, and the last three words of its counters. */
export function normalCounter(
  seed: number,
  image: number,
  position: number,
  purpose: Purpose,
  draw: number,
): { readonly key: readonly [number, number]; readonly words: readonly [number, number, number] } {
  return { key: keyOf(seed), words: [position, image, drawWord(purpose, draw)] };
}

/** A seed from the system's randomness. */
export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

import { philox, wordToUniform } from '../graph/philox.js';

/**
 * Random numbers of sampling. Each is the output of Philox for (seed; image, position, purpose), so that an image
 * never depends on what else is in its batch, on order, or on threads.
 */
const PURPOSE = { order: 1, token: 2, keep: 3 } as const;

export type Purpose = keyof typeof PURPOSE;

/** Seeds are whole numbers from 0 to 2⁵³ − 1. */
export function isSeed(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * The number in [0, 1) for a purpose.
 * @param image number of the image under this seed, from 0
 * @param position raster position, or whatever tells the numbers of one purpose apart
 */
export function uniformFor(seed: number, image: number, position: number, purpose: Purpose): number {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const;
  return wordToUniform(philox([position, image, PURPOSE[purpose], 0], key)[0]);
}

/** A seed from the system's randomness. */
export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

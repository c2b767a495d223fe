import { uniformFor } from '../../src/random/draws.js';

/** Numbers of the normal distribution, the same for the same seed. */
export function normalNumbers(count: number, deviation: number, seed: number): Float32Array {
  const uniform = (half: number) => uniformFor(seed, half, 0, 'data') + 2 ** -25;
  return Float32Array.from({ length: count }, (_, index) => {
    const radius = Math.sqrt(-2 * Math.log(uniform(2 * index)));
    return deviation * radius * Math.cos(2 * Math.PI * uniform(2 * index + 1));
  });
}

/** The logits and −∞ for all tokens that are not kept. */
export function withKept(logits: Float32Array, kept: ReadonlySet<number>): Float32Array {
  return logits.map((logit, token) => (kept.has(token) ? logit : -Infinity));
}

/** All tokens, the most likely first, the first of equals first. */
export function byLikelihood(logits: Float32Array): readonly number[] {
  return Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
}

import { normalCounter, type Purpose } from './draws.js';
import { philox, wordToUniform } from './philox.js';

/** What uniform numbers are multiples of. */
const SMALLEST = 2 ** -24;

/**
 * Independent standard normal numbers (Box and Muller, 1958): those that the operation `randomNormal` gives for the same
 * seed, image, position, purpose and draw, in float64.
 * @param draw tells the draws of one purpose apart, from 0
 */
export function normalsFor(
  seed: number,
  image: number,
  position: number,
  purpose: Purpose,
  draw: number,
  count: number,
): readonly number[] {
  const { key, words } = normalCounter(seed, image, position, purpose, draw);
  const numbers: number[] = [];
  for (let block = 0; numbers.length < count; block++) {
    const uniforms = philox([block, ...words], key).map(wordToUniform);
    for (const pair of [0, 2]) {
      const radius = Math.sqrt(-2 * Math.log(uniforms[pair]! + SMALLEST));
      const angle = 2 * Math.PI * (uniforms[pair + 1]! - 0.5);
      numbers.push(radius * Math.cos(angle), radius * Math.sin(angle));
    }
  }
  return numbers.slice(0, count);
}

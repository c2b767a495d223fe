import type { Tensor } from '../src/graph/node.js';
import { add } from './add.js';
import { concat } from './concat.js';
import { cos } from './cos.js';
import { log } from './log.js';
import { multiply } from './multiply.js';
import { reshape } from './reshape.js';
import { rowUniform } from './rowUniform.js';
import { sin } from './sin.js';
import { slice } from './slice.js';
import { sqrt } from './sqrt.js';
import { subtract } from './subtract.js';

/** What uniform numbers are multiples of. */
const SMALLEST = 2 ** -24;

/**
 * Independent standard normal numbers (Box and Muller, 1958), in rows that depend on nothing but the key and their own place;
 * none is further from 0 than 5.8. Every two neighbours come from two uniform numbers.
 * @param key and
 * @param places as `rowUniform` takes them
 * @returns `[rows, width]`
 */
export function randomNormal(key: Tensor, places: Tensor, width: number): Tensor {
  const rows = places.shape[0]!;
  const pairs = Math.ceil(width / 2);
  const uniforms = reshape(rowUniform(key, places, 2 * pairs), [rows, pairs, 2]);
  const [first, second] = [0, 1].map((start) => slice(uniforms, { axis: 2, start, length: 1 }));
  // From above 0 to 1, so that the logarithm is finite.
  const radius = sqrt(multiply(log(add(first!, SMALLEST)), -2));
  // Between −π and π, where all targets are exact.
  const angle = multiply(subtract(second!, 0.5), 2 * Math.PI);
  const both = concat([multiply(radius, cos(angle)), multiply(radius, sin(angle))], 2);
  return slice(reshape(both, [rows, 2 * pairs]), { axis: 1, start: 0, length: width });
}

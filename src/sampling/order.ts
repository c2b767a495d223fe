import { type Purpose, uniformFor } from '../random/draws.js';

/** The raster positions of `count` tokens in an order drawn for one image (Fisher–Yates). */
export function randomOrder(
  count: number,
  seed: number,
  image: number,
  purpose: Purpose = 'order',
): readonly number[] {
  const order = rasterOrder(count).slice();
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(uniformFor(seed, image, last, purpose) * (last + 1));
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}

/** Left to right, top to bottom. */
export function rasterOrder(count: number): number[] {
  return Array.from({ length: count }, (_, position) => position);
}

/** Whether the values are the numbers from 0 to count − 1 in some order. */
export function isPermutation(values: unknown, count: number): values is readonly number[] {
  return (
    Array.isArray(values) &&
    values.length === count &&
    new Set(values).size === count &&
    values.every((value) => Number.isInteger(value) && value >= 0 && value < count)
  );
}

import type { Grid } from '../../../graphs/rotary.js';

/** The number in [0, size) that the radical inverse of `index` falls on: its digits mirrored at the point, in whole numbers. */
function mirrored(index: number, base: number, size: number): number {
  let [digits, range] = [0, 1];
  for (let rest = index; rest > 0; rest = Math.floor(rest / base)) {
    digits = digits * base + (rest % base);
    range *= base;
  }
  return Math.floor((size * digits) / range);
}

/**
 * The raster positions of a grid in the order in which the Halton sequence visits them first: rows by base 2, columns by
 * base 3, from its point 1 on. It spreads early positions evenly.
 */
export function haltonOrder({ height, width }: Grid): readonly number[] {
  const visited = new Set<number>();
  for (let point = 1; visited.size < height * width; point++)
    visited.add(mirrored(point, 2, height) * width + mirrored(point, 3, width));
  return [...visited];
}

/** An order that starts `roll` places before its end: `rolled[j] = order[(j − roll) mod length]`. */
export function rolled(order: readonly number[], roll: number): readonly number[] {
  const start = order.length - (roll % order.length);
  return [...order.slice(start), ...order.slice(0, start)];
}

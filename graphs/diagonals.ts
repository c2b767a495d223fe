import type { Grid } from './rotary.js';

/** How far each raster position is from the top left corner, in steps along rows and columns. */
export function cornerDistances({ height, width }: Grid): readonly number[] {
  return Array.from(
    { length: height * width },
    (_, position) => Math.floor(position / width) + (position % width),
  );
}

/**
 * The order of NAR (docs/SYSTEMS.md, NAR sampling): anti-diagonal by anti-diagonal from the top left corner, each from its top row.
 * @returns raster positions
 */
export function diagonalOrder(grid: Grid): readonly number[] {
  const distances = cornerDistances(grid);
  // Sorting keeps the order of equals, which is that of their rows.
  return distances.map((_, position) => position).sort((a, b) => distances[a]! - distances[b]!);
}

/** How many positions each anti-diagonal has. */
export function diagonalLengths({ height, width }: Grid): readonly number[] {
  return Array.from({ length: height + width - 1 }, (_, distance) =>
    Math.min(distance + 1, height, width, height + width - 1 - distance),
  );
}

/** The class among places, which are raster positions otherwise. */
export const CLASS_PLACE = -1;

/** How far each entry of a whole sequence is from the corner: the class, nearer than all others, then the tokens. */
export function entryDistances(grid: Grid): readonly number[] {
  return [-1, ...cornerDistances(grid)];
}

/** One of the two predictions of a token: who makes it, a raster position or the class, and its share in the mean. */
interface Source {
  readonly place: number;
  readonly weight: number;
}

/** What the logits of a token are the mean of. */
export interface Sources {
  /** What the left neighbour says of the token to its right. */
  readonly right: Source;
  /** What the upper neighbour says of the token below it. */
  readonly below: Source;
}

/**
 * Who predicts the token at a raster position: both of its neighbours, or the only one that there is; at the corner the class
 * says both. A source of weight 0 names a place that has been fed as well.
 */
export function sourcesOf({ width }: Pick<Grid, 'width'>, position: number): Sources {
  if (position === 0) {
    const half = { place: CLASS_PLACE, weight: 0.5 };
    return { right: half, below: half };
  }
  const [hasLeft, hasUpper] = [position % width > 0, position >= width];
  const [left, upper] = [position - 1, position - width];
  const weight = hasLeft && hasUpper ? 0.5 : 1;
  return {
    right: hasLeft ? { place: left, weight } : { place: upper, weight: 0 },
    below: hasUpper ? { place: upper, weight } : { place: left, weight: 0 },
  };
}

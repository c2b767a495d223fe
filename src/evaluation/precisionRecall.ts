import { type DistanceArithmetic, rowsOf } from './distances.js';
import type { Features } from './moments.js';

/** A set reaches around each of its rows as far as its third neighbour. */
const NEIGHBOURS = 3;

/** Calls with each block of rows and of columns, and their squared distances. */
async function eachBlock(
  rows: Features,
  columns: Features,
  { rowBlock, columnBlock, distances }: DistanceArithmetic,
  visit: (firstRow: number, firstColumn: number, width: number, found: Float64Array) => void,
): Promise<void> {
  for (let row = 0; row < rows.count; row += rowBlock)
    for (let column = 0; column < columns.count; column += columnBlock) {
      const [height, width] = [
        Math.min(rowBlock, rows.count - row),
        Math.min(columnBlock, columns.count - column),
      ];
      visit(row, column, width, await distances(rowsOf(rows, row, height), rowsOf(columns, column, width)));
    }
}

/** Puts a distance among the smallest, which are in order. */
function keepSmallest(smallest: Float64Array, distance: number): void {
  let place = smallest.length - 1;
  if (!(distance < smallest[place]!)) return;
  for (; place > 0 && distance < smallest[place - 1]!; place--) smallest[place] = smallest[place - 1]!;
  smallest[place] = distance;
}

/** The squared distance of each row to its third neighbour in its own set: `[count]` */
export async function neighbourRadii(
  features: Features,
  arithmetic: DistanceArithmetic,
): Promise<Float64Array> {
  // The row itself is among them, at distance 0 up to rounding.
  const kept = NEIGHBOURS + 1;
  const smallest = new Float64Array(features.count * kept).fill(Number.POSITIVE_INFINITY);
  await eachBlock(features, features, arithmetic, (firstRow, _firstColumn, width, found) => {
    for (let place = 0; place < found.length; place++) {
      const row = firstRow + Math.floor(place / width);
      keepSmallest(smallest.subarray(row * kept, (row + 1) * kept), found[place]!);
    }
  });
  return Float64Array.from({ length: features.count }, (_, row) => smallest[row * kept + NEIGHBOURS]!);
}

/** What of two sets lies inside the other: 1 or 0 for each row. */
export interface Coverage {
  /** Whether each sample is within the reach of a reference. */
  readonly samples: Uint8Array;
  /** Whether each reference is within the reach of a sample. */
  readonly references: Uint8Array;
}

/** A set with the reach of its rows, squared. */
export interface Reach {
  readonly features: Features;
  readonly radii: ArrayLike<number>;
}

/** Which rows lie within the other set's reach; what lies at its very end does. */
export async function coverageOf(
  references: Reach,
  samples: Reach,
  arithmetic: DistanceArithmetic,
): Promise<Coverage> {
  const covered = {
    samples: new Uint8Array(samples.features.count),
    references: new Uint8Array(references.features.count),
  };
  await eachBlock(
    references.features,
    samples.features,
    arithmetic,
    (firstRow, firstColumn, width, found) => {
      for (let place = 0; place < found.length; place++) {
        const [row, column] = [firstRow + Math.floor(place / width), firstColumn + (place % width)];
        if (found[place]! <= references.radii[row]!) covered.samples[column] = 1;
        if (found[place]! <= samples.radii[column]!) covered.references[row] = 1;
      }
    },
  );
  return covered;
}

/** Improved precision and recall (Kynkäänniemi et al., 2019): the shares that lie inside the other set. */
export function precisionRecall({ samples, references }: Coverage): {
  readonly precision: number;
  readonly recall: number;
} {
  const share = (bits: Uint8Array) => bits.reduce((sum, bit) => sum + bit, 0) / bits.length;
  return { precision: share(samples), recall: share(references) };
}

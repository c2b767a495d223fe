import { createTournament } from './tournament.js';

/** Up to this share of a window may be drawn at once where another window is left that shows more of what is known. */
const DRAWN_SHARE = 0.75 ** 2;

/** A window over the tokens of a picture, and which of its own are drawn in it. */
export interface PlannedWindow {
  /** The first column and row, in tokens of the picture. */
  readonly left: number;
  readonly top: number;
  /** Raster positions within the window. */
  readonly drawn: readonly number[];
}

/** The tokens of a picture along each axis, and those of a window along both. */
export interface WindowSizes {
  readonly columns: number;
  readonly rows: number;
  /** Of the window: at most as many as there are columns and rows. */
  readonly width: number;
  readonly height: number;
}

/**
 * The windows over a picture's tokens in which the masked ones are drawn, one after the other, each token in a single
 * window. The next window is the one with most to draw of those that still show enough of what is known, so that few
 * cover the mask and drawing grows from what is known into what is not; where none does, the one that shows most. Among
 * equals, what is drawn lies as near to its centre as can be.
 * @param masked raster positions in the picture
 * @returns the windows as they are asked for, since those of large pictures take a while to find
 */
export function* planWindows(masked: ReadonlySet<number>, sizes: WindowSizes): Generator<PlannedWindow> {
  const { columns, width, height } = sizes;
  const open = new Set(masked);
  const tallies = tallyWindows(open, sizes);
  while (open.size > 0) {
    const { left, top } = tallies.best();
    const drawn: number[] = [];
    for (let position = 0; position < width * height; position++) {
      const [row, column] = [top + Math.floor(position / width), left + (position % width)];
      if (!open.delete(row * columns + column)) continue;
      tallies.drop(column, row);
      drawn.push(position);
    }
    tallies.compare(left, top);
    yield { left, top, drawn };
  }
}

/** What is known of all places that a window can have. */
interface WindowTallies {
  /** Where the best window lies. */
  best(): { readonly left: number; readonly top: number };
  /** Notes a token as drawn in all windows that it lies in. */
  drop(column: number, row: number): void;
  /** Compares all windows anew that share tokens with one. */
  compare(left: number, top: number): void;
}

function tallyWindows(
  masked: ReadonlySet<number>,
  { columns, rows, width, height }: WindowSizes,
): WindowTallies {
  const [across, down] = [columns - width + 1, rows - height + 1];
  // Of the masked tokens of each window: how many, and the sums of their columns and rows.
  const counts = new Int32Array(across * down);
  const lefts = new Float64Array(across * down);
  const tops = new Float64Array(across * down);
  const limit = Math.floor(DRAWN_SHARE * width * height);
  const worth = (window: number): number => {
    const count = counts[window]!;
    if (count === 0) return Number.NEGATIVE_INFINITY;
    return count <= limit ? count : -count;
  };
  /** How far what is drawn lies from the centre, comparable between windows with as much of it. */
  const eccentricity = (window: number): number => {
    const [left, top] = [window % across, Math.floor(window / across)];
    const aside = (sum: number, start: number, length: number) =>
      2 * sum - counts[window]! * (2 * start + length - 1);
    return aside(lefts[window]!, left, width) ** 2 + aside(tops[window]!, top, height) ** 2;
  };
  const isBetter = (window: number, other: number): boolean => {
    const difference = worth(window) - worth(other);
    return difference > 0 || (difference === 0 && eccentricity(window) < eccentricity(other));
  };
  /** All windows that share tokens with a rectangle. */
  const around = (
    left: number,
    top: number,
    size: { readonly width: number; readonly height: number },
    visit: (window: number) => void,
  ): void => {
    const [right, bottom] = [Math.min(left + size.width, across), Math.min(top + size.height, down)];
    for (let row = Math.max(0, top - height + 1); row < bottom; row++)
      for (let column = Math.max(0, left - width + 1); column < right; column++) visit(row * across + column);
  };
  const count = (column: number, row: number, change: 1 | -1): void =>
    around(column, row, { width: 1, height: 1 }, (window) => {
      counts[window]! += change;
      lefts[window]! += change * column;
      tops[window]! += change * row;
    });
  for (const position of masked) count(position % columns, Math.floor(position / columns), 1);
  const tournament = createTournament(counts.length, isBetter);
  return {
    best() {
      const window = tournament.best();
      return { left: window % across, top: Math.floor(window / across) };
    },
    drop: (column, row) => count(column, row, -1),
    compare: (left, top) => around(left, top, { width, height }, tournament.update),
  };
}

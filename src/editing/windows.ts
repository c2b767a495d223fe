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
  /** At most as many as there are columns and rows. */
  readonly side: number;
}

/**
 * The windows over a picture's tokens in which the masked ones are drawn, one after the other, each token in a single
 * window. The next window is the one with most to draw of those that still show enough of what is known, so that few
 * cover the mask and drawing grows from what is known into what is not; where none does, the one that shows most. Among
 * equals, what is drawn lies as near to its centre as can be.
 * @param masked raster positions in the picture
 */
export function planWindows(masked: ReadonlySet<number>, sizes: WindowSizes): readonly PlannedWindow[] {
  const open = new Set(masked);
  const tallies = tallyWindows(open, sizes);
  const windows: PlannedWindow[] = [];
  while (open.size > 0) {
    const { left, top } = tallies.next();
    const drawn: number[] = [];
    for (let position = 0; position < sizes.side ** 2; position++) {
      const [row, column] = [top + Math.floor(position / sizes.side), left + (position % sizes.side)];
      if (!open.delete(row * sizes.columns + column)) continue;
      tallies.count(column, row, -1);
      drawn.push(position);
    }
    windows.push({ left, top, drawn });
  }
  return windows;
}

/** What is known of all places that a window can have. */
interface WindowTallies {
  /** Notes a token as masked, or with −1 as drawn, in all windows that it lies in. */
  count(column: number, row: number, change: 1 | -1): void;
  /** Where the best window lies. */
  next(): { readonly left: number; readonly top: number };
}

function tallyWindows(masked: ReadonlySet<number>, { columns, rows, side }: WindowSizes): WindowTallies {
  const [across, down] = [columns - side + 1, rows - side + 1];
  // Of the masked tokens of each window: how many, and the sums of their columns and rows.
  const [counts, lefts, tops] = [0, 1, 2].map(() => new Float64Array(across * down)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const limit = Math.floor(DRAWN_SHARE * side ** 2);
  const worth = (count: number) => (count <= limit ? count : -count);
  /** How far what is drawn lies from the centre, comparable between windows with as much of it. */
  const eccentricity = (window: number): number => {
    const [left, top] = [window % across, Math.floor(window / across)];
    const aside = (sum: number, start: number) => 2 * sum - counts[window]! * (2 * start + side - 1);
    return aside(lefts[window]!, left) ** 2 + aside(tops[window]!, top) ** 2;
  };
  const isBetter = (window: number, best: number): boolean => {
    if (best < 0) return true;
    const [own, other] = [worth(counts[window]!), worth(counts[best]!)];
    return own > other || (own === other && eccentricity(window) < eccentricity(best));
  };
  const tallies: WindowTallies = {
    count(column, row, change) {
      for (let top = Math.max(0, row - side + 1); top <= Math.min(row, down - 1); top++)
        for (let left = Math.max(0, column - side + 1); left <= Math.min(column, across - 1); left++) {
          const window = top * across + left;
          counts[window]! += change;
          lefts[window]! += change * column;
          tops[window]! += change * row;
        }
    },
    next() {
      let best = -1;
      for (let window = 0; window < counts.length; window++)
        if (counts[window] !== 0 && isBetter(window, best)) best = window;
      return { left: best % across, top: Math.floor(best / across) };
    },
  };
  for (const position of masked) tallies.count(position % columns, Math.floor(position / columns), 1);
  return tallies;
}

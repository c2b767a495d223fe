/** What is to be drawn of a picture: 255 where it is, 0 elsewhere, row by row. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const emptyMask = (width: number, height: number): Mask => ({
  width,
  height,
  data: new Uint8Array(width * height),
});

/** The distance of a point from a stretch between two. */
function distance(x: number, y: number, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / length));
  return Math.hypot(x - from.x - share * dx, y - from.y - share * dy);
}

/**
 * A mask after a stroke of a round brush.
 * @param size the brush's diameter in pixels
 * @param value 255 paints, 0 erases
 */
export function stroke(mask: Mask, from: Point, to: Point, size: number, value: 0 | 255): Mask {
  const data = mask.data.slice();
  const radius = size / 2;
  const start = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - radius));
  const end = (a: number, b: number, most: number) => Math.min(most - 1, Math.ceil(Math.max(a, b) + radius));
  for (let row = start(from.y, to.y); row <= end(from.y, to.y, mask.height); row++)
    for (let column = start(from.x, to.x); column <= end(from.x, to.x, mask.width); column++)
      // Pixels count by their centres; the smallest brush paints the one that it is in.
      if (distance(column + 0.5, row + 0.5, from, to) <= Math.max(radius, 0.71))
        data[row * mask.width + column] = value;
  return { ...mask, data };
}

export const inverted = (mask: Mask): Mask => ({ ...mask, data: mask.data.map((value) => 255 - value) });

export const isEmpty = ({ data }: Mask): boolean => data.every((value) => value === 0);

/** A mask with what it was before, and what was undone. */
export interface MaskHistory {
  readonly current: Mask;
  readonly past: readonly Mask[];
  readonly future: readonly Mask[];
}

/** Changes that can be undone. */
const MAX_PAST = 50;

export const startHistory = (current: Mask): MaskHistory => ({ current, past: [], future: [] });

export const change = ({ current, past }: MaskHistory, next: Mask): MaskHistory => ({
  current: next,
  past: [...past, current].slice(-MAX_PAST),
  future: [],
});

export function undo({ current, past, future }: MaskHistory): MaskHistory {
  const before = past.at(-1);
  return before === undefined
    ? { current, past, future }
    : { current: before, past: past.slice(0, -1), future: [current, ...future] };
}

export function redo({ current, past, future }: MaskHistory): MaskHistory {
  const [next, ...rest] = future;
  return next === undefined
    ? { current, past, future }
    : { current: next, past: [...past, current], future: rest };
}

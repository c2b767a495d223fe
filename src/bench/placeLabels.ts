/** A rectangle of a drawing, by its upper left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const GAP = 5;

/** How much of two rectangles is the same. */
function overlap(one: Box, other: Box): number {
  const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
  const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
  return Math.max(0, across) * Math.max(0, down);
}

/** How much of a rectangle is outside another. */
const outside = (box: Box, frame: Box): number => box.width * box.height - overlap(box, frame);

/** A label with some room around it, so that two do not read as one. */
const withSpace = ({ x, y, width, height }: Box): Box => ({
  x: x - GAP + 1,
  y: y - 1,
  width: width + 2 * (GAP - 1),
  height: height + 2,
});

/** Places beside a marker: right, left, above, below, and the corners. */
function placesBeside(marker: Box, { width, height }: Pick<Box, 'width' | 'height'>): readonly Box[] {
  const [right, left] = [marker.x + marker.width + GAP, marker.x - GAP - width];
  const [above, below] = [marker.y - GAP - height, marker.y + marker.height + GAP];
  const [centre, middle] = [marker.x + (marker.width - width) / 2, marker.y + (marker.height - height) / 2];
  const corners = [
    [right, middle],
    [left, middle],
    [centre, above],
    [centre, below],
    [right, above],
    [right, below],
    [left, above],
    [left, below],
  ] as const;
  return corners.map(([x, y]) => ({ x, y, width, height }));
}

/**
 * Places for labels beside their markers, where they cover least of markers, of labels before them and of what is outside.
 * @param frame what labels should lie in
 */
export function placeLabels(
  markers: readonly Box[],
  sizes: readonly Pick<Box, 'width' | 'height'>[],
  frame: Box,
): readonly Box[] {
  const placed: Box[] = [];
  for (const [index, marker] of markers.entries()) {
    const cost = (box: Box) =>
      [...markers, ...placed].reduce(
        (sum, other) => sum + overlap(withSpace(box), other),
        2 * outside(box, frame),
      );
    const places = placesBeside(marker, sizes[index]!);
    placed.push(places.reduce((best, own) => (cost(own) < cost(best) ? own : best)));
  }
  return placed;
}

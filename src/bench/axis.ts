/** How values lie along one side of a chart. */
export interface Axis {
  readonly isLogarithmic: boolean;
  /** Where a value lies, from 0 to 1. */
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Beyond this proportion of the largest to the smallest value, the small ones could not be told apart. */
const LARGEST_LINEAR_SPREAD = 8;
const MOST_TICKS = 6;

/** 1, 2 or 5 times a power of ten: the smallest that is no less. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9))!;
}

/** Numbers 1, 2 and 5 times powers of ten in a range, or powers of ten where those are too many. */
function logarithmicTicks(low: number, high: number): readonly number[] {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, index) => Math.floor(Math.log10(low)) + index,
  );
  const within = (factors: readonly number[]) =>
    powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
      .filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const fine = within([1, 2, 5]);
  return fine.length > MOST_TICKS + 2 ? within([1]) : fine;
}

/**
 * An axis for positive values: from 0, or logarithmic where they lie far apart.
 * @param values at least one
 */
export function axisFor(values: readonly number[]): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (most / least > LARGEST_LINEAR_SPREAD) {
    // Room beside the outermost markers.
    const [low, high] = [least / 1.5, most * 1.5];
    const at = (value: number) => Math.log(value / low) / Math.log(high / low);
    return { isLogarithmic: true, at, ticks: logarithmicTicks(low, high) };
  }
  const step = roundStep((most * 1.1) / MOST_TICKS);
  const count = Math.ceil((most * 1.1) / step);
  return {
    isLogarithmic: false,
    at: (value) => value / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6))),
  };
}

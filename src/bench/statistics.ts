/** The middle of several measurements, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Median, smallest and largest; of an even number, the median is the mean of the two in the middle.
 * @param values at least one
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values have a median');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}

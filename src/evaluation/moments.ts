import type { DoubleProduct, DoubleRows } from '../targets/onnx/doubleProduct.js';

/**
 * What a Gaussian is fitted to: how many rows there are, their mean, and the sum of the products of their distances from
 * it. Parts of a set are merged without loss.
 */
export interface Moments {
  readonly count: number;
  /** `[features]` */
  readonly mean: Float64Array;
  /** `[features, features]`, Σ (x − mean)(x − mean)ᵀ */
  readonly scatter: Float64Array;
}

/** A Gaussian: `[features]` and `[features, features]`. */
export interface Gaussian {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
}

/** Rows of features. */
export interface Features {
  readonly count: number;
  readonly width: number;
  /** `[count, width]` */
  readonly values: Float32Array;
}

/** Of no rows. */
export function emptyMoments(width: number): Moments {
  return { count: 0, mean: new Float64Array(width), scatter: new Float64Array(width * width) };
}

/** The moments of rows, in double precision. */
export async function momentsOf(
  { count, width, values }: Features,
  { dots }: Pick<DoubleProduct, 'dots'>,
): Promise<Moments> {
  if (count === 0) return emptyMoments(width);
  const mean = new Float64Array(width);
  for (let place = 0; place < values.length; place++) mean[place % width]! += values[place]!;
  for (let column = 0; column < width; column++) mean[column]! /= count;
  // Features by rows: their dot products are the sums over all rows.
  const columns: DoubleRows = { rows: width, columns: count, data: new Float64Array(width * count) };
  for (let row = 0; row < count; row++)
    for (let column = 0; column < width; column++)
      columns.data[column * count + row] = values[row * width + column]! - mean[column]!;
  return { count, mean, scatter: await dots(columns, columns) };
}

/** The moments of two parts together (Chan et al., 1979). */
export function mergeMoments(one: Moments, other: Moments): Moments {
  if (one.count === 0) return other;
  if (other.count === 0) return one;
  const count = one.count + other.count;
  const width = one.mean.length;
  const apart = other.mean.map((value, column) => value - one.mean[column]!);
  const mean = one.mean.map((value, column) => value + (apart[column]! * other.count) / count);
  const share = (one.count * other.count) / count;
  const scatter = new Float64Array(width * width);
  for (let row = 0; row < width; row++)
    for (let column = 0; column < width; column++) {
      const place = row * width + column;
      scatter[place] = one.scatter[place]! + other.scatter[place]! + apart[row]! * apart[column]! * share;
    }
  return { count, mean, scatter };
}

/**
 * The Gaussian of a set, whose covariance has the divisor count − 1.
 * @throws RangeError for fewer than two rows.
 */
export function gaussianOf({ count, mean, scatter }: Moments): Gaussian {
  if (count < 2) throw new RangeError(`a covariance needs at least two pictures; there are ${count}`);
  return { mean, covariance: scatter.map((value) => value / (count - 1)) };
}

/** The mean as the ADM evaluator has it: summed row by row in single precision, then divided once. */
export function singlePrecisionMean({ count, width, values }: Features): Float32Array {
  const sums = new Float32Array(width);
  for (let place = 0; place < values.length; place++) sums[place % width]! += values[place]!;
  return sums.map((sum) => sum / Math.fround(count));
}

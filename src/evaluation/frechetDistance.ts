import type { DoubleProduct, DoubleRows } from '../targets/onnx/doubleProduct.js';
import type { Gaussian } from './moments.js';
import { rootRows, symmetricEigenvalues, trace } from './symmetricMatrix.js';

/** The squared distance of two means. */
function meanDistance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let sum = 0;
  for (let column = 0; column < one.length; column++) sum += (one[column]! - other[column]!) ** 2;
  return sum;
}

/** A matrix that rounding has made a little asymmetric. */
function symmetrised(matrix: Float64Array, size: number): Float64Array {
  return matrix.map((value, place) => {
    const [row, column] = [Math.floor(place / size), place % size];
    return (value + matrix[column * size + row]!) / 2;
  });
}

/** The trace of the root of the product of two covariances: real by construction, and without a root of either. */
async function rootTrace(
  one: Float64Array,
  other: Float64Array,
  size: number,
  { dots }: Pick<DoubleProduct, 'dots'>,
): Promise<number> {
  const { rank, rows } = rootRows(one, size);
  const root: DoubleRows = { rows: rank, columns: size, data: rows };
  const half = await dots(root, { rows: size, columns: size, data: other });
  const whole = await dots({ rows: rank, columns: size, data: half }, root);
  const values = symmetricEigenvalues(symmetrised(whole, rank), rank);
  const least = size * Number.EPSILON * values.reduce((a, b) => Math.max(a, b), 0);
  return values.reduce((sum, value) => (value > least ? sum + Math.sqrt(value) : sum), 0);
}

/**
 * The Fréchet distance of two Gaussians: |m₁ − m₂|² + tr(C₁ + C₂ − 2·√(C₁C₂)) (Heusel et al., 2017). Of equal ones it is 0
 * up to rounding, and may be a little below.
 */
export async function frechetDistance(
  one: Gaussian,
  other: Gaussian,
  product: Pick<DoubleProduct, 'dots'>,
): Promise<number> {
  const size = one.mean.length;
  const root = await rootTrace(one.covariance, other.covariance, size, product);
  return (
    meanDistance(one.mean, other.mean) +
    trace(one.covariance, size) +
    trace(other.covariance, size) -
    2 * root
  );
}

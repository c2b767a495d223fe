/**
 * Algorithms on symmetric matrices `[size, size]` in double precision. What is small beside the largest by rounding alone
 * counts as nothing: `size · 2⁻⁵² · largest`.
 */
const EPSILON = Number.EPSILON;
const MAX_SWEEPS = 60;

/**
 * Rows B with BᵀB = A, as few as A has independent ones, by Cholesky's way with the largest pivot first.
 * @param matrix positive semi-definite; not changed
 * @returns `[rank, size]`
 */
export function rootRows(matrix: Float64Array, size: number): { rank: number; rows: Float64Array } {
  const rows = new Float64Array(size * size);
  const rest = Float64Array.from({ length: size }, (_, place) => matrix[place * size + place]!);
  const least = size * EPSILON * Math.max(0, ...rest);
  let rank = 0;
  for (; rank < size; rank++) {
    let pivot = 0;
    for (let place = 1; place < size; place++) if (rest[place]! > rest[pivot]!) pivot = place;
    if (!(rest[pivot]! > least)) break;
    const root = Math.sqrt(rest[pivot]!);
    const row = rows.subarray(rank * size, (rank + 1) * size);
    row.set(matrix.subarray(pivot * size, (pivot + 1) * size));
    for (let before = 0; before < rank; before++) {
      const factor = rows[before * size + pivot]!;
      if (factor === 0) continue;
      const other = rows.subarray(before * size, (before + 1) * size);
      for (let place = 0; place < size; place++) row[place]! -= factor * other[place]!;
    }
    for (let place = 0; place < size; place++) {
      row[place]! /= root;
      rest[place]! -= row[place]! ** 2;
    }
    row[pivot] = root;
    // Rounding must not bring a pivot back.
    rest[pivot] = Number.NEGATIVE_INFINITY;
  }
  return { rank, rows: rows.slice(0, rank * size) };
}

/** A symmetric matrix with the same eigenvalues and nothing beyond the diagonals beside the main one (Householder). */
function tridiagonal(matrix: Float64Array, size: number): { main: Float64Array; beside: Float64Array } {
  const a = Float64Array.from(matrix);
  const main = new Float64Array(size);
  const beside = new Float64Array(size);
  const vector = new Float64Array(size);
  const product = new Float64Array(size);
  for (let step = 0; step < size - 2; step++) {
    const start = step + 1;
    let length = 0;
    for (let place = start; place < size; place++) length += a[step * size + place]! ** 2;
    length = Math.sqrt(length);
    const first = a[step * size + start]!;
    beside[step] = first > 0 ? -length : length;
    main[step] = a[step * size + step]!;
    if (length === 0) continue;
    for (let place = start; place < size; place++) vector[place] = a[step * size + place]!;
    vector[start] = first - beside[step]!;
    let squares = 0;
    for (let place = start; place < size; place++) squares += vector[place]! ** 2;
    const scale = 2 / squares;
    product.fill(0);
    for (let row = start; row < size; row++) {
      const offset = row * size;
      let sum = 0;
      for (let place = start; place < size; place++) sum += a[offset + place]! * vector[place]!;
      product[row] = sum * scale;
    }
    let along = 0;
    for (let place = start; place < size; place++) along += product[place]! * vector[place]!;
    along *= scale / 2;
    for (let place = start; place < size; place++) product[place]! -= along * vector[place]!;
    for (let row = start; row < size; row++) {
      const [own, other] = [vector[row]!, product[row]!];
      const offset = row * size;
      for (let place = start; place < size; place++)
        a[offset + place]! -= own * product[place]! + other * vector[place]!;
    }
  }
  for (let place = Math.max(0, size - 2); place < size; place++) main[place] = a[place * size + place]!;
  if (size > 1) beside[size - 2] = a[(size - 2) * size + size - 1]!;
  return { main, beside };
}

/**
 * The eigenvalues of a symmetric matrix, in no order: Householder's way to three diagonals, then QL with implicit shifts
 * (Dubrulle, Martin and Wilkinson, 1968).
 * @throws RangeError where they are not found, as in a matrix with numbers that are not finite.
 */
export function symmetricEigenvalues(matrix: Float64Array, size: number): Float64Array {
  const { main, beside } = tridiagonal(matrix, size);
  for (let low = 0; low < size; low++) {
    for (let sweep = 0; ; sweep++) {
      let end = low;
      for (; end < size - 1; end++) {
        const around = Math.abs(main[end]!) + Math.abs(main[end + 1]!);
        if (Math.abs(beside[end]!) <= EPSILON * around) break;
      }
      if (end === low) break;
      if (sweep === MAX_SWEEPS) throw new RangeError('the eigenvalues of a covariance are not found');
      let shift = (main[low + 1]! - main[low]!) / (2 * beside[low]!);
      let radius = Math.hypot(shift, 1);
      shift = main[end]! - main[low]! + beside[low]! / (shift + (shift >= 0 ? radius : -radius));
      let [sine, cosine, carried] = [1, 1, 0];
      let isCut = false;
      for (let place = end - 1; place >= low; place--) {
        const far = sine * beside[place]!;
        const near = cosine * beside[place]!;
        radius = Math.hypot(far, shift);
        beside[place + 1] = radius;
        if (radius === 0) {
          main[place + 1]! -= carried;
          beside[end] = 0;
          isCut = true;
          break;
        }
        sine = far / radius;
        cosine = shift / radius;
        shift = main[place + 1]! - carried;
        radius = (main[place]! - shift) * sine + 2 * cosine * near;
        carried = sine * radius;
        main[place + 1] = shift + carried;
        shift = cosine * radius - near;
      }
      if (isCut) continue;
      main[low]! -= carried;
      beside[low] = shift;
      beside[end] = 0;
    }
  }
  return main;
}

/** The sum of the diagonal. */
export function trace(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let place = 0; place < size; place++) sum += matrix[place * size + place]!;
  return sum;
}

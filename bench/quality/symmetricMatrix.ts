/** A square matrix, row by row, whose element `(i, j)` equals `(j, i)`. */
export interface SymmetricMatrix {
  readonly size: number;
  readonly elements: Float64Array;
}

/** Eigenvalues in no order, and their unit eigenvectors: vector `i` is row `i`. */
export interface Eigensystem {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** Sweeps are at most so many; five to ten are what matrices take. */
const MAX_SWEEPS = 60;

/** Turns rows `p` and `q` into `c·p − s·q` and `s·p + c·q`. */
function rotateRows(matrix: Float64Array, size: number, p: number, q: number, c: number, s: number): void {
  for (let column = 0; column < size; column++) {
    const [one, other] = [matrix[p * size + column]!, matrix[q * size + column]!];
    matrix[p * size + column] = c * one - s * other;
    matrix[q * size + column] = s * one + c * other;
  }
}

/** The same of columns. */
function rotateColumns(matrix: Float64Array, size: number, p: number, q: number, c: number, s: number): void {
  for (let row = 0; row < size; row++) {
    const [one, other] = [matrix[row * size + p]!, matrix[row * size + q]!];
    matrix[row * size + p] = c * one - s * other;
    matrix[row * size + q] = s * one + c * other;
  }
}

/**
 * Eigenvalues and eigenvectors by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5): each makes one
 * element off the diagonal zero, until none differs from zero beyond rounding.
 * @throws RangeError for elements that are not finite.
 */
export function eigenOfSymmetric({ size, elements }: SymmetricMatrix): Eigensystem {
  if (!elements.every(Number.isFinite)) throw new RangeError('the matrix holds values that are not finite');
  const matrix = elements.slice();
  const vectors = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
  const negligible = Number.EPSILON * Math.hypot(...elements) * (1 / Math.max(size, 1));
  for (let sweep = 0, isDone = false; !isDone && sweep < MAX_SWEEPS; sweep++) {
    isDone = true;
    for (let p = 0; p < size; p++)
      for (let q = p + 1; q < size; q++) {
        const off = matrix[p * size + q]!;
        if (Math.abs(off) <= negligible) continue;
        isDone = false;
        const half = (matrix[q * size + q]! - matrix[p * size + p]!) / (2 * off);
        const tangent = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(1, half));
        const c = 1 / Math.hypot(1, tangent);
        const s = tangent * c;
        rotateRows(matrix, size, p, q, c, s);
        rotateColumns(matrix, size, p, q, c, s);
        rotateRows(vectors, size, p, q, c, s);
      }
  }
  return { values: Float64Array.from({ length: size }, (_, at) => matrix[at * (size + 1)]!), vectors };
}

/** The matrix product. */
export function multiplyMatrices(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let row = 0; row < size; row++)
    for (let inner = 0; inner < size; inner++) {
      const factor = a[row * size + inner]!;
      for (let column = 0; column < size; column++)
        product[row * size + column]! += factor * b[inner * size + column]!;
    }
  return product;
}

/** The symmetric square root of a matrix without negative eigenvalues; those that rounding made so count as zero. */
export function squareRoot(matrix: SymmetricMatrix): SymmetricMatrix {
  const { size } = matrix;
  const { values, vectors } = eigenOfSymmetric(matrix);
  const scaled = vectors.map((element, at) => element * Math.max(values[Math.floor(at / size)]!, 0) ** 0.25);
  const elements = new Float64Array(size * size);
  for (let vector = 0; vector < size; vector++)
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++)
        elements[row * size + column]! += scaled[vector * size + row]! * scaled[vector * size + column]!;
  return { size, elements };
}

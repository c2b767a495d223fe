import { expect } from 'chai';
import { frechetDistance, type Gaussian, gaussianOf } from '../../bench/quality/frechetDistance.js';
import {
  eigenOfSymmetric,
  multiplyMatrices,
  squareRoot,
  type SymmetricMatrix,
} from '../../bench/quality/symmetricMatrix.js';

/** Numbers in [−1, 1) that look random. */
const noise = (count: number, seed: number) =>
  Float64Array.from({ length: count }, (_, at) => {
    const value = Math.sin(at * 12.9898 + seed * 78.233) * 43758.5453;
    return 2 * (value - Math.floor(value)) - 1;
  });

const diagonal = (values: readonly number[]): SymmetricMatrix => ({
  size: values.length,
  elements: Float64Array.from({ length: values.length ** 2 }, (_, at) =>
    at % (values.length + 1) === 0 ? values[at / (values.length + 1)]! : 0,
  ),
});

/** A·Aᵀ, of rank `inner` at most. */
const gram = (size: number, inner: number, seed: number): SymmetricMatrix => {
  const factor = noise(size * inner, seed);
  const elements = Float64Array.from({ length: size * size }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < inner; k++)
      sum += factor[Math.floor(at / size) * inner + k]! * factor[(at % size) * inner + k]!;
    return sum;
  });
  return { size, elements };
};

const gaussian = (mean: readonly number[], covariance: SymmetricMatrix): Gaussian => ({
  mean: Float64Array.from(mean),
  covariance,
});

const expectClose = (found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-10) => {
  expect(found.length).to.equal(wanted.length);
  for (let at = 0; at < found.length; at++)
    expect(found[at]!, `element ${at}`).to.be.closeTo(wanted[at]!, tolerance);
};

describe('eigenvalues of a symmetric matrix', () => {
  it('are those of closed forms', () => {
    const { values } = eigenOfSymmetric({ size: 2, elements: Float64Array.of(2, 1, 1, 2) });
    expectClose([...values].sort(), [1, 3]);
    // Of the second difference: 2 − 2·cos(kπ/(n + 1)).
    const size = 12;
    const elements = Float64Array.from({ length: size * size }, (_, at) => {
      const apart = Math.abs(Math.floor(at / size) - (at % size));
      return apart === 0 ? 2 : apart === 1 ? -1 : 0;
    });
    const wanted = Array.from({ length: size }, (_, k) => 2 - 2 * Math.cos(((k + 1) * Math.PI) / (size + 1)));
    expectClose(
      [...eigenOfSymmetric({ size, elements }).values].sort((a, b) => a - b),
      wanted,
    );
  });

  it('come with unit vectors that the matrix stretches by them', () => {
    const matrix = gram(20, 20, 1);
    const { values, vectors } = eigenOfSymmetric(matrix);
    for (const [index, value] of values.entries()) {
      const vector = vectors.slice(index * 20, (index + 1) * 20);
      expect(Math.hypot(...vector)).to.be.closeTo(1, 1e-12);
      const stretched = Array.from({ length: 20 }, (_, row) =>
        vector.reduce((sum, element, column) => sum + matrix.elements[row * 20 + column]! * element, 0),
      );
      expectClose(
        stretched,
        vector.map((element) => element * value),
      );
    }
  });

  it('of nothing, of zeros and of what is no number', () => {
    expect(eigenOfSymmetric({ size: 0, elements: new Float64Array(0) }).values.length).to.equal(0);
    expectClose(eigenOfSymmetric(diagonal([0, 0, 0])).values, [0, 0, 0]);
    expect(() => eigenOfSymmetric(diagonal([1, Number.NaN]))).to.throw(RangeError);
  });
});

describe('the square root of a symmetric matrix', () => {
  for (const [what, matrix] of [
    ['of full rank', gram(15, 15, 2)],
    ['of less', gram(15, 4, 3)],
    ['of large and small numbers', diagonal([1e12, 1, 1e-12])],
  ] as const)
    it(`${what}: times itself is the matrix`, () => {
      const { size, elements } = squareRoot(matrix);
      const largest = Math.max(...matrix.elements.map(Math.abs));
      expectClose(multiplyMatrices(elements, elements, size), matrix.elements, 1e-13 * largest * size);
    });
});

describe('the Fréchet distance', () => {
  it('of one variable is that of the means and that of the deviations', () => {
    expect(frechetDistance(gaussian([1], diagonal([4])), gaussian([4], diagonal([25])))).to.be.closeTo(
      18,
      1e-12,
    );
  });

  it('of independent variables is the sum of theirs', () => {
    const a = gaussian([0, 1, 2], diagonal([1, 4, 9]));
    const b = gaussian([1, 1, 0], diagonal([16, 0, 1]));
    expect(frechetDistance(a, b)).to.be.closeTo(1 + 9 + 4 + 4 + 4, 1e-12);
  });

  it('of covariances that do not commute is that of 2×2 matrices: tr √(A·B) = √(tr A·B + 2·√det A·B)', () => {
    const [a, b] = [Float64Array.of(2, 1, 1, 3), Float64Array.of(5, -2, -2, 1)];
    const product = multiplyMatrices(a, b, 2);
    const shared = Math.sqrt(product[0]! + product[3]! + 2 * Math.sqrt(5 * 1));
    const distance = frechetDistance(
      gaussian([0, 0], { size: 2, elements: a }),
      gaussian([0, 0], { size: 2, elements: b }),
    );
    expect(distance).to.be.closeTo(5 + 6 - 2 * shared, 1e-12);
  });

  it('is none to itself, the same both ways, and grows with scale as its square', () => {
    const [a, b] = [
      gaussian([...noise(15, 4)], gram(15, 15, 5)),
      gaussian([...noise(15, 6)], gram(15, 6, 7)),
    ];
    expect(frechetDistance(a, a)).to.be.within(0, 1e-9);
    expect(frechetDistance(b, b)).to.be.within(0, 1e-6);
    expect(frechetDistance(a, b)).to.be.closeTo(frechetDistance(b, a), 1e-6);
    const tripled = ({ mean, covariance: { size, elements } }: Gaussian): Gaussian => ({
      mean: mean.map((value) => 3 * value),
      covariance: { size, elements: elements.map((value) => 9 * value) },
    });
    expect(frechetDistance(tripled(a), tripled(b))).to.be.closeTo(9 * frechetDistance(a, b), 1e-5);
  });

  it('of samples: mean and covariance by hand', () => {
    const { mean, covariance } = gaussianOf([
      [1, 2],
      [3, 6],
      [5, 4],
    ]);
    expectClose(mean, [3, 4]);
    expectClose(covariance.elements, [4, 2, 2, 4]);
    expect(() => gaussianOf([[1]])).to.throw(RangeError);
    expect(() => gaussianOf([[1], [1, 2]])).to.throw(RangeError);
    expect(() => frechetDistance(gaussian([0], diagonal([1])), gaussian([0, 0], diagonal([1, 1])))).to.throw(
      RangeError,
    );
  });
});

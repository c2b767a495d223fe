import { eigenOfSymmetric, multiplyMatrices, squareRoot, type SymmetricMatrix } from './symmetricMatrix.js';

/** A normal distribution of several variables. */
export interface Gaussian {
  readonly mean: Float64Array;
  readonly covariance: SymmetricMatrix;
}

/**
 * The normal distribution with the mean and the covariance of samples; of `n` of them, sums are divided by `n − 1`.
 * @param samples two or more, of as many variables each
 * @throws RangeError for others.
 */
export function gaussianOf(samples: readonly ArrayLike<number>[]): Gaussian {
  const size = samples[0]?.length ?? 0;
  if (samples.length < 2 || samples.some(({ length }) => length !== size))
    throw new RangeError(`a covariance needs two or more samples of one length, not ${samples.length}`);
  const mean = new Float64Array(size);
  for (const sample of samples) for (let at = 0; at < size; at++) mean[at]! += sample[at]! / samples.length;
  const elements = new Float64Array(size * size);
  for (const sample of samples)
    for (let row = 0; row < size; row++) {
      const deviation = (sample[row]! - mean[row]!) / (samples.length - 1);
      for (let column = 0; column < size; column++)
        elements[row * size + column]! += deviation * (sample[column]! - mean[column]!);
    }
  return { mean, covariance: { size, elements } };
}

function trace({ size, elements }: SymmetricMatrix): number {
  let sum = 0;
  for (let at = 0; at < size; at++) sum += elements[at * (size + 1)]!;
  return sum;
}

/** The symmetric part, since rounding makes products of symmetric matrices a little other than that. */
function symmetric(size: number, elements: Float64Array): SymmetricMatrix {
  const turned = (at: number) => elements[(at % size) * size + Math.floor(at / size)]!;
  return { size, elements: elements.map((element, at) => (element + turned(at)) / 2) };
}

/**
 * The squared Fréchet distance of two normal distributions, `|μ₁ − μ₂|² + tr(C₁ + C₂ − 2·(C₁·C₂)^½)`, as FID has it
 * (Heusel et al. 2017). The last trace is that of `(C₁^½·C₂·C₁^½)^½`, which is symmetric: the sum of the roots of its
 * eigenvalues, so that singular covariances need no care.
 * @throws RangeError where they have not as many variables, or values are not finite.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const { size } = a.covariance;
  if (b.covariance.size !== size)
    throw new RangeError(`distributions of ${size} and ${b.covariance.size} variables have no distance`);
  const between = a.mean.reduce((sum, value, at) => sum + (value - b.mean[at]!) ** 2, 0);
  const root = squareRoot(a.covariance).elements;
  const product = multiplyMatrices(multiplyMatrices(root, b.covariance.elements, size), root, size);
  const { values } = eigenOfSymmetric(symmetric(size, product));
  const shared = values.reduce((sum, value) => sum + Math.sqrt(Math.max(value, 0)), 0);
  return Math.max(between + trace(a.covariance) + trace(b.covariance) - 2 * shared, 0);
}

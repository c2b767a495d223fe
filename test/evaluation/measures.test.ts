import { expect } from 'chai';
import { halfToNumber, numberToHalf } from '../../src/graph/weights.js';
import { admDistances, exactDistances } from '../../src/evaluation/distances.js';
import { frechetDistance } from '../../src/evaluation/frechetDistance.js';
import { roundToHalf } from '../../src/evaluation/halfPrecision.js';
import { inceptionScore, mergeScores, scoreSumsOf } from '../../src/evaluation/inceptionScore.js';
import { type Features, gaussianOf, mergeMoments, momentsOf } from '../../src/evaluation/moments.js';
import { coverageOf, neighbourRadii, precisionRecall } from '../../src/evaluation/precisionRecall.js';
import { rootRows, symmetricEigenvalues } from '../../src/evaluation/symmetricMatrix.js';
import { type DoubleProduct, doubleProduct } from '../../src/targets/onnx/doubleProduct.js';

/** Numbers between −1 and 1 that are the same each time. */
function numbers(count: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function features(count: number, width: number, seed: number): Features {
  return { count, width, values: Float32Array.from(numbers(count * width, seed)) };
}

/** AᵀA, of rows. */
function gram(rows: Float64Array, count: number, size: number): Float64Array {
  const result = new Float64Array(size * size);
  for (let a = 0; a < size; a++)
    for (let b = 0; b < size; b++)
      for (let row = 0; row < count; row++)
        result[a * size + b]! += rows[row * size + a]! * rows[row * size + b]!;
  return result;
}

describe('symmetric matrices', () => {
  it('eigenvalues are those that a matrix was made of', () => {
    for (const size of [1, 2, 3, 17, 40]) {
      const wanted = Array.from({ length: size }, (_, at) => (at % 5) - 1 + at / 7);
      // Turned by reflections, which leave the eigenvalues alone.
      let matrix = new Float64Array(size * size);
      for (const [at, value] of wanted.entries()) matrix[at * size + at] = value;
      for (const seed of [1, 2, 3]) {
        const vector = numbers(size, seed);
        const length = vector.reduce((sum, value) => sum + value ** 2, 0);
        const reflect = (rows: Float64Array) =>
          rows.map((value, place) => {
            const [row, column] = [Math.floor(place / size), place % size];
            let along = 0;
            for (let other = 0; other < size; other++) along += vector[other]! * rows[other * size + column]!;
            return value - (2 * vector[row]! * along) / length;
          });
        const transposed = (rows: Float64Array) =>
          rows.map((_, place) => rows[(place % size) * size + Math.floor(place / size)]!);
        matrix = transposed(reflect(transposed(reflect(matrix))));
      }
      const found = [...symmetricEigenvalues(matrix, size)].sort((a, b) => a - b);
      for (const [at, value] of wanted.toSorted((a, b) => a - b).entries())
        expect(found[at]).to.be.closeTo(value, 1e-12);
    }
  });

  it('rows of a root give the matrix again, as few as it has independent ones', () => {
    for (const [count, size] of [
      [3, 8],
      [8, 8],
      [20, 8],
    ] as const) {
      const matrix = gram(numbers(count * size, 5), count, size);
      const { rank, rows } = rootRows(matrix, size);
      expect(rank).to.equal(Math.min(count, size));
      const again = gram(rows, rank, size);
      for (const [at, value] of matrix.entries()) expect(again[at]).to.be.closeTo(value, 1e-13 * count);
    }
    expect(rootRows(new Float64Array(9), 3).rank).to.equal(0);
  });
});

describe('half precision', () => {
  it('rounds as storing does, whatever the number', () => {
    for (let bits = 0; bits < 1 << 16; bits++) {
      const value = halfToNumber(bits);
      if (Number.isNaN(value)) continue;
      if (!Object.is(roundToHalf(value), value)) expect.fail(`${value} is another`);
      // Just below, at and just above the middle between two neighbours.
      const next = halfToNumber(bits + 1);
      if (!Number.isFinite(value) || !Number.isFinite(next)) continue;
      const middle = (value + next) / 2;
      for (const near of [middle, middle * (1 - 1e-7), middle * (1 + 1e-7)])
        if (roundToHalf(near) !== halfToNumber(numberToHalf(near))) expect.fail(`${near} is another`);
    }
    expect(roundToHalf(65519)).to.equal(65504);
    expect(roundToHalf(-65520)).to.equal(Number.NEGATIVE_INFINITY);
    expect(roundToHalf(Number.NaN)).to.be.NaN;
  });
});

describe('measures of pictures', () => {
  let product: DoubleProduct;
  before(() => {
    product = doubleProduct();
  });
  after(() => product.dispose());

  it('moments of parts, in any order, are those of the whole', async () => {
    const whole = features(101, 7, 3);
    const wanted = gaussianOf(await momentsOf(whole, product));
    for (const borders of [
      [0, 50, 101],
      [0, 1, 2, 101],
      [0, 0, 33, 33, 101],
    ]) {
      const parts = await Promise.all(
        borders.slice(1).map((end, at) => {
          const values = whole.values.subarray(borders[at]! * 7, end * 7);
          return momentsOf({ count: end - borders[at]!, width: 7, values }, product);
        }),
      );
      for (const order of [parts, parts.toReversed()]) {
        const { mean, covariance } = gaussianOf(order.reduce(mergeMoments));
        for (const [at, value] of wanted.mean.entries()) expect(mean[at]).to.be.closeTo(value, 1e-15);
        for (const [at, value] of wanted.covariance.entries())
          expect(covariance[at]).to.be.closeTo(value, 1e-15);
      }
    }
    expect(() => gaussianOf({ count: 1, mean: wanted.mean, scatter: wanted.covariance })).to.throw(
      RangeError,
      'at least two',
    );
  });

  it('the Fréchet distance of moved and scaled Gaussians is the closed form, and of equal ones nothing', async () => {
    const one = gaussianOf(await momentsOf(features(60, 5, 1), product));
    const moved = { mean: one.mean.map((value) => value + 2), covariance: one.covariance };
    expect(await frechetDistance(one, moved, product)).to.be.closeTo(4 * 5, 1e-12);
    // √(C·s²C) = s·C, so that what is left of the covariances is (1 − s)² of their trace.
    const scaled = { mean: one.mean, covariance: one.covariance.map((value) => value * 9) };
    const trace = [0, 1, 2, 3, 4].reduce((sum, at) => sum + one.covariance[at * 6]!, 0);
    expect(await frechetDistance(one, scaled, product)).to.be.closeTo(4 * trace, 1e-12);
    expect(await frechetDistance(one, one, product)).to.be.closeTo(0, 1e-13);
    const none = { mean: one.mean, covariance: new Float64Array(25) };
    expect(await frechetDistance(one, none, product)).to.be.closeTo(trace, 1e-13);
  });

  it('the score of sure and different pictures is the number of classes, of unsure ones 1', () => {
    const sure = Float32Array.from({ length: 12 }, (_, at) => (at % 4 === Math.floor(at / 4) ? 1 : 0));
    expect(inceptionScore(scoreSumsOf({ count: 3, classes: 4, values: sure }))).to.be.closeTo(3, 1e-12);
    const unsure = new Float32Array(12).fill(0.25);
    expect(inceptionScore(scoreSumsOf({ count: 3, classes: 4, values: unsure }))).to.be.closeTo(1, 1e-12);
  });

  it('scores of parts are those of the whole, also where a border cuts a chunk', () => {
    const values = Float32Array.from(numbers(23 * 4, 9), (value) => (value + 1) / 8);
    const whole = scoreSumsOf({ count: 23, classes: 4, values }, 0, 10);
    const part = (start: number, end: number) =>
      scoreSumsOf({ count: end - start, classes: 4, values: values.subarray(start * 4, end * 4) }, start, 10);
    const merged = [part(0, 7), part(7, 8), part(8, 23)].reduce(mergeScores);
    expect([...merged.keys()]).to.deep.equal([0, 1, 2]);
    expect(inceptionScore(merged)).to.be.closeTo(inceptionScore(whole), 1e-14);
  });

  it('precision and recall are the shares within reach, in blocks of any size', async () => {
    const at = (...places: readonly number[]): Features => ({
      count: places.length,
      width: 1,
      values: Float32Array.from(places),
    });
    const references = at(0, 1, 2, 3, 4);
    // Two within reach of the references, and one far away, with four of its own around it.
    const samples = at(1.5, 2.5, 100, 101, 102, 103);
    for (const block of [1, 2, 1000]) {
      const arithmetic = { ...exactDistances(product), rowBlock: block, columnBlock: block };
      const radii = {
        references: await neighbourRadii(references, arithmetic),
        samples: await neighbourRadii(samples, arithmetic),
      };
      expect([...radii.references]).to.deep.equal([9, 4, 4, 4, 9]);
      const coverage = await coverageOf(
        { features: references, radii: radii.references },
        { features: samples, radii: radii.samples },
        arithmetic,
      );
      expect([...coverage.samples]).to.deep.equal([1, 1, 0, 0, 0, 0]);
      // The first two samples reach as far as the far ones, and so to all references.
      expect([...coverage.references]).to.deep.equal([1, 1, 1, 1, 1]);
      expect(precisionRecall(coverage)).to.deep.equal({ precision: 2 / 6, recall: 1 });
    }
  });

  it('half precision is told from exact numbers', async () => {
    const rows = { count: 2, width: 1, values: Float32Array.of(0, 1.0004) };
    const [exact, half] = await Promise.all(
      [exactDistances(product), admDistances(product)].map((arithmetic) => arithmetic.distances(rows, rows)),
    );
    expect(exact![1]).to.be.closeTo(1.0004 ** 2, 1e-6);
    expect(half![1]).to.equal(1);
  });
});

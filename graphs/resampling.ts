import { constant, matmul, type Tensor } from '../src/dsl/index.js';

/**
 * How an axis is resampled: `[to][from]`, what each new place takes of the old ones. None of them smooths what is made
 * smaller (docs/SYSTEMS.md, VAR).
 */
export type Resampling = readonly (readonly number[])[];

/** Where the middle of a new place lies among the old ones. */
const middleOf = (place: number, from: number, to: number): number => ((place + 0.5) * from) / to - 0.5;

/** A row of weights at places, which are taken at the border where they lie outside. */
function rowOf(from: number, taps: readonly { readonly place: number; readonly weight: number }[]): number[] {
  const row = new Array<number>(from).fill(0);
  for (const { place, weight } of taps) row[Math.min(from - 1, Math.max(0, place))]! += weight;
  return row;
}

/** Of the cubic that goes through the old values. */
const CUBIC = -0.75;

/** The cubic's weight of a value that is so far away, up to 2. */
function cubicWeight(distance: number): number {
  const u = distance;
  return u <= 1
    ? (CUBIC + 2) * u ** 3 - (CUBIC + 3) * u ** 2 + 1
    : CUBIC * u ** 3 - 5 * CUBIC * u ** 2 + 8 * CUBIC * u - 4 * CUBIC;
}

/** Cubic interpolation of four neighbours. */
export function bicubic(from: number, to: number): Resampling {
  return Array.from({ length: to }, (_, place) => {
    const middle = middleOf(place, from, to);
    const first = Math.floor(middle) - 1;
    const taps = [0, 1, 2, 3].map((tap) => ({
      place: first + tap,
      weight: cubicWeight(Math.abs(middle - first - tap)),
    }));
    return rowOf(from, taps);
  });
}

/** The mean of the old places that a new one touches; neighbours may share some. */
export function area(from: number, to: number): Resampling {
  return Array.from({ length: to }, (_, place) => {
    const first = Math.floor((place * from) / to);
    const count = Math.ceil(((place + 1) * from) / to) - first;
    return rowOf(
      from,
      Array.from({ length: count }, (_cell, index) => ({ place: first + index, weight: 1 / count })),
    );
  });
}

/** Linear interpolation of two neighbours. */
export function bilinear(from: number, to: number): Resampling {
  return Array.from({ length: to }, (_, place) => {
    const middle = Math.max(0, middleOf(place, from, to));
    const first = Math.floor(middle);
    return rowOf(from, [
      { place: first, weight: 1 - (middle - first) },
      { place: first + 1, weight: middle - first },
    ]);
  });
}

/** Linear interpolation with new places at whole distances from the first, as TensorFlow 1 has it; the last is repeated. */
export function cornerBilinear(from: number, to: number): Resampling {
  return Array.from({ length: to }, (_, place) => {
    const middle = (place * from) / to;
    const first = Math.floor(middle);
    return rowOf(from, [
      { place: first, weight: 1 - (middle - first) },
      { place: first + 1, weight: middle - first },
    ]);
  });
}

/** Maps `[…, from, from]` → `[…, to, to]`: rows and columns are resampled alike unless told otherwise. */
export function resample(x: Tensor, rows: Resampling, columns: Resampling = rows): Tensor {
  const weights = (axis: Resampling) => constant('f32', [axis.length, axis[0]!.length], axis.flat());
  return matmul(matmul(weights(rows), x), weights(columns), { transposeRight: true });
}

import type { DoubleProduct, DoubleRows } from '../targets/onnx/doubleProduct.js';
import type { Features } from './moments.js';
import { roundToHalf } from './halfPrecision.js';

/** How squared distances between rows are computed, and in blocks of how many. */
export interface DistanceArithmetic {
  readonly rowBlock: number;
  readonly columnBlock: number;
  /** Squared distances of all rows of the one to all of the other: `[rows, columns]` */
  distances(rows: Features, columns: Features): Promise<Float64Array>;
}

/** Rows whose distances are held at once. */
const EXACT_BLOCK = 2000;
/** The ADM evaluator's blocks; what overflows half precision in one is computed anew in all of it. */
const ADM_BLOCK = 10_000;

/** Some of the rows. */
export function rowsOf(features: Features, start: number, count: number): Features {
  const { width, values } = features;
  return { count, width, values: values.subarray(start * width, (start + count) * width) };
}

/** The rows in double precision. */
export function doubleRows({ count, width, values }: Features): DoubleRows {
  return { rows: count, columns: width, data: Float64Array.from(values) };
}

/** |x|² of each row. */
export function squaredNorms({ rows, columns, data }: DoubleRows): Float64Array {
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++)
    for (let place = row * columns; place < (row + 1) * columns; place++) norms[row]! += data[place]! ** 2;
  return norms;
}

/** |u|² − 2u·v + |v|², not below 0. */
function assemble(
  dots: Float64Array,
  rows: Float64Array,
  columns: Float64Array,
  round: (value: number) => number,
): Float64Array {
  const found = new Float64Array(dots.length);
  for (let row = 0, place = 0; row < rows.length; row++)
    for (let column = 0; column < columns.length; column++, place++) {
      const twice = round(2 * round(dots[place]!));
      found[place] = Math.max(round(round(rows[row]! - twice) + columns[column]!), 0);
    }
  return found;
}

const asItIs = (value: number) => value;

/** In double precision. */
export function exactDistances({ dots }: Pick<DoubleProduct, 'dots'>): DistanceArithmetic {
  return {
    rowBlock: EXACT_BLOCK,
    columnBlock: EXACT_BLOCK,
    async distances(rows, columns) {
      const [left, right] = [doubleRows(rows), doubleRows(columns)];
      return assemble(await dots(left, right), squaredNorms(left), squaredNorms(right), asItIs);
    },
  };
}

/**
 * As the ADM evaluator computes them: in half precision, sums rounded once, and in single precision instead where
 * anything in the block overflows.
 */
export function admDistances(
  { dots }: Pick<DoubleProduct, 'dots'>,
  { rowBlock = ADM_BLOCK, columnBlock = ADM_BLOCK } = {},
): DistanceArithmetic {
  const halves = (features: Features): DoubleRows => {
    const { rows, columns, data } = doubleRows(features);
    return { rows, columns, data: data.map(roundToHalf) };
  };
  const halfNorms = ({ rows, columns, data }: DoubleRows): Float64Array => {
    const norms = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let place = row * columns; place < (row + 1) * columns; place++)
        sum += roundToHalf(data[place]! ** 2);
      norms[row] = roundToHalf(sum);
    }
    return norms;
  };
  return {
    rowBlock,
    columnBlock,
    async distances(rows, columns) {
      const [left, right] = [halves(rows), halves(columns)];
      const dotted = await dots(left, right);
      const half = assemble(dotted, halfNorms(left), halfNorms(right), roundToHalf);
      if (half.every(Number.isFinite)) return half;
      const [whole, other] = [doubleRows(rows), doubleRows(columns)];
      const single = assemble(await dots(whole, other), squaredNorms(whole), squaredNorms(other), asItIs);
      return single.map(Math.fround);
    },
  };
}

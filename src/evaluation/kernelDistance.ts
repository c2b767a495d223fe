import type { DoubleProduct, DoubleRows } from '../targets/onnx/doubleProduct.js';
import { doubleRows, squaredNorms } from './distances.js';
import type { Features } from './moments.js';

/** Rows whose products are held at once. */
const BLOCK = 2000;
const DEGREE = 3;
/** The width of CMMD's Gaussian kernel, and what it multiplies the distance by. */
const CMMD_WIDTH = 10;
const CMMD_SCALE = 1000;

/** Sums of a kernel over pairs of rows. */
interface KernelSums {
  readonly all: number;
  /** Over the pairs of a row with the one of the same number. */
  readonly diagonal: number;
}

type Kernel = (dot: number, rowNorm: number, columnNorm: number) => number;

/** Some of the rows. */
function someRows({ columns, data }: DoubleRows, start: number, rows: number): DoubleRows {
  return { rows, columns, data: data.subarray(start * columns, (start + rows) * columns) };
}

async function kernelSums(
  rows: DoubleRows,
  columns: DoubleRows,
  kernel: Kernel,
  { dots }: Pick<DoubleProduct, 'dots'>,
): Promise<KernelSums> {
  const [rowNorms, columnNorms] = [squaredNorms(rows), squaredNorms(columns)];
  let [all, diagonal] = [0, 0];
  for (let row = 0; row < rows.rows; row += BLOCK)
    for (let column = 0; column < columns.rows; column += BLOCK) {
      const left = someRows(rows, row, Math.min(BLOCK, rows.rows - row));
      const right = someRows(columns, column, Math.min(BLOCK, columns.rows - column));
      const found = await dots(left, right);
      for (let own = 0; own < left.rows; own++) {
        let sum = 0;
        for (let other = 0; other < right.rows; other++) {
          const value = kernel(
            found[own * right.rows + other]!,
            rowNorms[row + own]!,
            columnNorms[column + other]!,
          );
          sum += value;
          if (row + own === column + other) diagonal += value;
        }
        all += sum;
      }
    }
  return { all, diagonal };
}

/**
 * Kernel Inception Distance (Bińkowski et al., 2018): the unbiased estimate of the squared maximum mean discrepancy with
 * the kernel (x·y/width + 1)³; it may be below 0. The sets may have different sizes, each at least 2 rows.
 */
export async function kernelInceptionDistance(
  one: Features,
  other: Features,
  product: Pick<DoubleProduct, 'dots'>,
): Promise<number> {
  const { width } = one;
  const kernel: Kernel = (dot) => (dot / width + 1) ** DEGREE;
  const [left, right] = [doubleRows(one), doubleRows(other)];
  const within = async (rows: DoubleRows) => {
    const { all, diagonal } = await kernelSums(rows, rows, kernel, product);
    return (all - diagonal) / (rows.rows * (rows.rows - 1));
  };
  const { all } = await kernelSums(left, right, kernel, product);
  return (await within(left)) + (await within(right)) - (2 * all) / (left.rows * right.rows);
}

/** The chosen rows of a set. */
export function chosenRows({ width, values }: Features, rows: ArrayLike<number>): Features {
  const chosen = new Float32Array(rows.length * width);
  for (let place = 0; place < rows.length; place++)
    chosen.set(values.subarray(rows[place]! * width, (rows[place]! + 1) * width), place * width);
  return { count: rows.length, width, values: chosen };
}

/** Rows scaled to length 1. */
function normalised(features: Features): DoubleRows {
  const { rows, columns, data } = doubleRows(features);
  const lengths = squaredNorms({ rows, columns, data }).map(Math.sqrt);
  return { rows, columns, data: data.map((value, place) => value / lengths[Math.floor(place / columns)]!) };
}

/**
 * CMMD's formula (Jayasumana et al., 2024) on any embedding: 1000 times the squared maximum mean discrepancy, pairs of a
 * row with itself included, of rows scaled to length 1, with the kernel exp(−|x − y|² / 200).
 */
export async function cmmd(
  one: Features,
  other: Features,
  product: Pick<DoubleProduct, 'dots'>,
): Promise<number> {
  const kernel: Kernel = (dot, row, column) => Math.exp(-(row - 2 * dot + column) / (2 * CMMD_WIDTH ** 2));
  const [left, right] = [normalised(one), normalised(other)];
  const meanOf = async (rows: DoubleRows, columns: DoubleRows) =>
    (await kernelSums(rows, columns, kernel, product)).all / (rows.rows * columns.rows);
  const apart = (await meanOf(left, left)) + (await meanOf(right, right)) - 2 * (await meanOf(left, right));
  return CMMD_SCALE * apart;
}

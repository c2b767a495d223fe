import { readFloats, type StoredTensor } from './weights.js';

/** Bits of a whole number that stands for a weight. */
export type WeightBits = 8 | 4;

/**
 * The whole numbers behind a matrix `[rows, columns]` whose floats are each a whole number times a scale. Numbers of
 * `block` columns in a row share one.
 */
export interface QuantizedElements {
  readonly bits: WeightBits;
  readonly block: number;
  /** The numbers, row-major; −127 to 127 of 8 bits, −8 to 7 of 4. */
  readonly integers: () => Int8Array;
  /** The scales, `[rows, columns / block]`. */
  readonly scales: () => Float32Array;
}

/** Columns that share a scale in 4 bits, as onnxruntime's kernels have it. */
export const BLOCK_OF_4_BITS = 32;

/** The largest numbers of 8 bits, where each has its negative, and of 4. */
const HIGHEST: Readonly<Record<WeightBits, number>> = { 8: 127, 4: 7 };
/** The one number of 4 bits that has no negative. */
const LOWEST_4 = -8;

/**
 * What has to fit into 8 bits: the largest magnitude of a row, or of two neighbours' sum. Processors without dot products
 * of bytes add the products of two neighbours in 16 bits; so they never overflow, whatever the activations are.
 */
function largestOf(values: Float32Array, start: number, end: number): number {
  let largest = 0;
  let sum = 0;
  for (let at = start; at < end; at += 2) {
    const one = values[at]!;
    const other = at + 1 < end ? values[at + 1]! : 0;
    // Of numbers of one sign the sum is larger than both, of others the difference is larger than the sum.
    const magnitude = one * other > 0 ? Math.abs(one + other) : Math.max(Math.abs(one), Math.abs(other));
    if (magnitude > largest) largest = magnitude;
    sum += one + other;
  }
  // What is not finite must not pass for a number.
  return Number.isFinite(sum) ? largest : NaN;
}

/** The whole number nearest to one from −128 to 128, in a quarter of the time that Math.round takes. */
function nearest(value: number): number {
  return ((value + 128.5) | 0) - 128;
}

/** A scale for each row. */
function rowScales(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return Float32Array.from(
    { length: rows },
    (_, row) => largestOf(values, row * columns, (row + 1) * columns) / HIGHEST[8],
  );
}

/** A scale for each block of columns. The extreme takes the number that has no negative, which gives the others one step more. */
function blockScales(values: Float32Array): Float32Array {
  const scales = new Float32Array(values.length / BLOCK_OF_4_BITS);
  for (let block = 0; block < scales.length; block++) {
    let extreme = 0;
    let sum = 0;
    for (let at = block * BLOCK_OF_4_BITS; at < (block + 1) * BLOCK_OF_4_BITS; at++) {
      if (Math.abs(values[at]!) > Math.abs(extreme)) extreme = values[at]!;
      sum += values[at]!;
    }
    scales[block] = Number.isFinite(sum) ? extreme / LOWEST_4 : NaN;
  }
  return scales;
}

/** The numbers nearest to values in steps of their scales. */
function inSteps(values: Float32Array, scales: Float32Array, highest: number): Int8Array {
  const integers = new Int8Array(values.length);
  const block = values.length / scales.length;
  for (const [index, scale] of scales.entries()) {
    if (scale === 0) continue;
    const perStep = 1 / scale;
    for (let at = index * block; at < (index + 1) * block; at++)
      integers[at] = Math.min(nearest(values[at]! * perStep), highest);
  }
  return integers;
}

/** The floats that quantised elements stand for. */
export function dequantize({ integers, scales, block }: QuantizedElements): Float32Array {
  const numbers = integers();
  const factors = scales();
  const values = new Float32Array(numbers.length);
  for (let at = 0; at < factors.length; at++)
    for (let index = at * block; index < (at + 1) * block; index++)
      values[index] = numbers[index]! * factors[at]!;
  return values;
}

/** A matrix as its quantised elements, whose floats are computed when they are read. */
export function storedQuantized(shape: readonly number[], quantized: QuantizedElements): StoredTensor {
  return {
    dtype: 'f32',
    shape,
    quantized,
    read: () => new Uint8Array(dequantize(quantized).buffer),
  };
}

/**
 * A matrix `[rows, columns]` in fewer bits: in 8 each row has a scale, in 4 each block of 32 columns. What has no whole
 * blocks is kept in 8 bits. The elements are read and converted when they are asked for; the scales alone are kept.
 */
export function quantizeTensor(tensor: StoredTensor, wanted: WeightBits): StoredTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const bits = columns % BLOCK_OF_4_BITS === 0 ? wanted : 8;
  let known: Float32Array | undefined;
  const scalesFor = (values: Float32Array): Float32Array => {
    known ??= bits === 8 ? rowScales(values, rows) : blockScales(values);
    return known;
  };
  const quantized = storedQuantized(tensor.shape, {
    bits,
    block: bits === 8 ? columns : BLOCK_OF_4_BITS,
    integers() {
      const values = readFloats(tensor);
      return inSteps(values, scalesFor(values), HIGHEST[bits]);
    },
    scales: () => known ?? scalesFor(readFloats(tensor)),
  });
  return { ...quantized, derived: { how: `${bits} bits`, from: [tensor] } };
}

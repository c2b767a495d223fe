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

/** Largest magnitude of 8 bits that has its negative. */
const LARGEST_8 = 127;
/** The one number of 4 bits that has none. */
const LOWEST_4 = -8;
const HIGHEST_4 = 7;

interface Elements {
  readonly integers: Int8Array;
  readonly scales: Float32Array;
}

/**
 * What has to fit into 8 bits: the largest magnitude of a row, or of two neighbours' sum. Processors without dot products
 * of bytes add the products of two neighbours in 16 bits; so they never overflow, whatever the activations are.
 */
function largestOf(values: Float32Array, start: number, end: number): number {
  let largest = 0;
  for (let at = start; at < end; at += 2) {
    const one = values[at]!;
    const other = at + 1 < end ? values[at + 1]! : 0;
    // Of numbers of one sign the sum is larger than both, of others the difference is larger than the sum.
    const magnitude = one * other > 0 ? Math.abs(one + other) : Math.max(Math.abs(one), Math.abs(other));
    // Not `>`: what is no number has to come through.
    if (!(magnitude <= largest)) largest = magnitude;
    if (Number.isNaN(largest)) break;
  }
  return largest;
}

/** The whole number nearest to one from −128 to 128, in a quarter of the time that Math.round takes. */
function nearest(value: number): number {
  return ((value + 128.5) | 0) - 128;
}

function inBytes(values: Float32Array, rows: number): Elements {
  const columns = values.length / rows;
  const integers = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [row * columns, (row + 1) * columns];
    const scale = Math.fround(largestOf(values, start, end) / LARGEST_8);
    scales[row] = scale;
    if (scale === 0) continue;
    const perStep = 1 / scale;
    for (let at = start; at < end; at++) integers[at] = nearest(values[at]! * perStep);
  }
  return { integers, scales };
}

function inHalfBytes(values: Float32Array): Elements {
  const integers = new Int8Array(values.length);
  const scales = new Float32Array(values.length / BLOCK_OF_4_BITS);
  for (let block = 0; block < scales.length; block++) {
    const [start, end] = [block * BLOCK_OF_4_BITS, (block + 1) * BLOCK_OF_4_BITS];
    let extreme = 0;
    for (let at = start; at < end && !Number.isNaN(extreme); at++)
      if (!(Math.abs(values[at]!) <= Math.abs(extreme))) extreme = values[at]!;
    // The extreme takes the number that has no negative, which gives the others one step more.
    const scale = Math.fround(extreme / LOWEST_4);
    scales[block] = scale;
    if (scale === 0) continue;
    const perStep = 1 / scale;
    for (let at = start; at < end; at++) integers[at] = Math.min(nearest(values[at]! * perStep), HIGHEST_4);
  }
  return { integers, scales };
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
 * blocks is kept in 8 bits. The elements are read and converted when they are asked for, and not kept.
 */
export function quantizeTensor(tensor: StoredTensor, wanted: WeightBits): StoredTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const bits = columns % BLOCK_OF_4_BITS === 0 ? wanted : 8;
  let scales: Float32Array | undefined;
  const convert = (): Int8Array => {
    const values = readFloats(tensor);
    const converted = bits === 8 ? inBytes(values, rows) : inHalfBytes(values);
    scales = converted.scales;
    return converted.integers;
  };
  const quantized = storedQuantized(tensor.shape, {
    bits,
    block: bits === 8 ? columns : BLOCK_OF_4_BITS,
    integers: convert,
    scales() {
      if (!scales) convert();
      return scales!;
    },
  });
  return { ...quantized, derived: { how: `${bits} bits`, from: [tensor] } };
}

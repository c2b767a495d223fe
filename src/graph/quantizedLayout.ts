import { BLOCK_OF_4_BITS, type QuantizedElements } from './quantized.js';
import type { StoredTensor } from './weights.js';

/** A matrix `[outputs, inputs]` in whole numbers. */
export type QuantizedMatrix = StoredTensor & { readonly quantized: QuantizedElements };

/** Whether a stored tensor is a matrix in whole numbers. */
export function isQuantized(tensor: StoredTensor): tensor is QuantizedMatrix {
  return tensor.quantized !== undefined;
}

/** Rows and columns that are moved together, so that both sides stay in the processor's cache. */
const TILE = 64;

function outputsOf(matrices: readonly QuantizedMatrix[]): number {
  return matrices.reduce((sum, { shape }) => sum + shape[0]!, 0);
}

/** Writes `[rows, columns]` into the columns of a wider matrix, from one of its columns on, turned. */
function writeTurned(from: Int8Array, rows: number, columns: number, to: Int8Array, first: number): void {
  const width = to.length / columns;
  for (let top = 0; top < rows; top += TILE) {
    for (let left = 0; left < columns; left += TILE) {
      const bottom = Math.min(top + TILE, rows);
      const right = Math.min(left + TILE, columns);
      for (let column = left; column < right; column++)
        for (let row = top; row < bottom; row++)
          to[column * width + first + row] = from[row * columns + column]!;
    }
  }
}

/** Matrices of 8 bits side by side, inputs before outputs: i8 `[inputs, all outputs]`. */
export function sideBySide(matrices: readonly QuantizedMatrix[]): StoredTensor {
  const inputs = matrices[0]!.shape[1]!;
  return {
    dtype: 'i8',
    shape: [inputs, outputsOf(matrices)],
    derived: { how: 'side by side, turned', from: matrices },
    read() {
      const all = new Int8Array(inputs * outputsOf(matrices));
      let first = 0;
      for (const {
        quantized,
        shape: [outputs],
      } of matrices) {
        writeTurned(quantized.integers(), outputs!, inputs, all, first);
        first += outputs!;
      }
      return new Uint8Array(all.buffer);
    },
  };
}

/** Matrices of 4 bits one after another, two numbers a byte, counted from −8: u8 `[all outputs, blocks, 16]`. */
export function packedBlocks(matrices: readonly QuantizedMatrix[]): StoredTensor {
  const blocks = matrices[0]!.shape[1]! / BLOCK_OF_4_BITS;
  return {
    dtype: 'u8',
    shape: [outputsOf(matrices), blocks, BLOCK_OF_4_BITS / 2],
    derived: { how: 'two numbers a byte', from: matrices },
    read() {
      const parts = matrices.map(({ quantized }) => packHalfBytes(quantized.integers()));
      return new Uint8Array(Buffer.concat(parts));
    },
  };
}

/** Numbers from −8 to 7, counted from −8, the first of two in the lower half of a byte. */
function packHalfBytes(integers: Int8Array): Uint8Array {
  const bytes = new Uint8Array(integers.length / 2);
  for (let pair = 0; pair < bytes.length; pair++)
    bytes[pair] = (integers[2 * pair]! + 8) | ((integers[2 * pair + 1]! + 8) << 4);
  return bytes;
}

/** What `packHalfBytes` packed. */
export function unpackHalfBytes(bytes: Uint8Array): Int8Array {
  const integers = new Int8Array(bytes.length * 2);
  for (let pair = 0; pair < bytes.length; pair++) {
    integers[2 * pair] = (bytes[pair]! & 15) - 8;
    integers[2 * pair + 1] = (bytes[pair]! >> 4) - 8;
  }
  return integers;
}

/** The scales of all, one matrix after another: f32 `[all outputs]`, or one for each block. */
export function scalesOfAll(matrices: readonly QuantizedMatrix[]): StoredTensor {
  const perRow = ({ shape, quantized }: QuantizedMatrix) => shape[1]! / quantized.block;
  const count = matrices.reduce((sum, matrix) => sum + matrix.shape[0]! * perRow(matrix), 0);
  return {
    dtype: 'f32',
    shape: [count],
    derived: { how: 'scales', from: matrices },
    read() {
      const all = new Float32Array(count);
      let first = 0;
      for (const { quantized } of matrices) {
        const scales = quantized.scales();
        all.set(scales, first);
        first += scales.length;
      }
      return new Uint8Array(all.buffer);
    },
  };
}

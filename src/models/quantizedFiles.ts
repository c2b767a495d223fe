import { InputError, quotable } from '../errors.js';
import { BLOCK_OF_4_BITS, storedQuantized, type WeightBits } from '../graph/quantized.js';
import {
  isQuantized,
  packedBlocks,
  type QuantizedMatrix,
  scalesOfAll,
  unpackHalfBytes,
} from '../graph/quantizedLayout.js';
import { readFloats, type StoredTensor, type Weights } from '../graph/weights.js';

/** What the scales of a matrix in whole numbers are called, beside its name. */
const SCALE_SUFFIX = '_scale';

/**
 * Weights as a file holds them: a matrix of 8 bits as i8 `[outputs, inputs]`, one of 4 as u8 `[outputs, inputs / 2]`, two
 * numbers a byte counted from −8; beside it `NAME_scale`, f32 `[outputs]` or `[outputs, inputs / 32]`.
 */
export function toFileForm(weights: Weights): Weights {
  return new Map(
    [...weights].flatMap(([name, tensor]): readonly (readonly [string, StoredTensor])[] =>
      isQuantized(tensor)
        ? [
            [name, integersOf(tensor)],
            [`${name}${SCALE_SUFFIX}`, scalesOf(tensor)],
          ]
        : [[name, tensor]],
    ),
  );
}

function integersOf(matrix: QuantizedMatrix): StoredTensor {
  const [outputs, inputs] = matrix.shape as [number, number];
  if (matrix.quantized.bits === 4) return { ...packedBlocks([matrix]), shape: [outputs, inputs / 2] };
  return { dtype: 'i8', shape: matrix.shape, read: () => new Uint8Array(matrix.quantized.integers().buffer) };
}

function scalesOf(matrix: QuantizedMatrix): StoredTensor {
  const [outputs, inputs] = matrix.shape as [number, number];
  const { bits, block } = matrix.quantized;
  return { ...scalesOfAll([matrix]), shape: bits === 4 ? [outputs, inputs / block] : [outputs] };
}

/** The matrix behind whole numbers and their scales in a file. */
function matrixOf(numbers: StoredTensor, scales: StoredTensor): StoredTensor | undefined {
  const [outputs, stored] = numbers.shape as [number, number];
  const bits: WeightBits = numbers.dtype === 'u8' ? 4 : 8;
  const inputs = bits === 4 ? stored * 2 : stored;
  const expected = bits === 4 ? [outputs, inputs / BLOCK_OF_4_BITS] : [outputs];
  if (scales.dtype !== 'f32' || scales.shape.join() !== expected.join()) return undefined;
  const integers = () => {
    const bytes = numbers.read();
    return bits === 4 ? unpackHalfBytes(bytes) : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const matrix = storedQuantized([outputs, inputs], {
    bits,
    block: bits === 4 ? BLOCK_OF_4_BITS : inputs,
    integers,
    scales: () => readFloats(scales),
  });
  return { ...matrix, derived: { how: `stored in ${bits} bits`, from: [numbers, scales] } };
}

/**
 * Weights from what a file holds, as `toFileForm` makes it.
 * @param source the file, for messages
 * @throws InputError naming a matrix whose scales are missing or do not fit.
 */
export function fromFileForm(tensors: Weights, source: string): Weights {
  const isWhole = ({ dtype, shape }: StoredTensor) =>
    (dtype === 'i8' || dtype === 'u8') && shape.length === 2 && shape.every((size) => size > 0);
  const matrices = new Map(
    [...tensors]
      .filter(([, tensor]) => isWhole(tensor))
      .map(([name, tensor]): [string, StoredTensor] => {
        const scales = tensors.get(`${name}${SCALE_SUFFIX}`);
        const matrix = scales && matrixOf(tensor, scales);
        if (!matrix)
          throw new InputError(
            `${source}: the whole numbers of '${quotable(name)}' have no scales that fit in '${quotable(name)}${SCALE_SUFFIX}'; export the model again`,
          );
        return [name, matrix];
      }),
  );
  if (matrices.size === 0) return tensors;
  const scales = new Set([...matrices.keys()].map((name) => `${name}${SCALE_SUFFIX}`));
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      scales.has(name) ? [] : [[name, matrices.get(name) ?? tensor] as const],
    ),
  );
}

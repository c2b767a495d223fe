import { countElements } from './dimension.js';
import { GraphError } from './graphError.js';
import type { ParameterNode } from './node.js';
import type { QuantizedElements } from './quantized.js';

/** Element types found in checkpoints. */
export type StoredDType = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';

export const BYTES_PER_ELEMENT: Readonly<Record<StoredDType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/** A tensor of a checkpoint. Its elements stay in the file until they are read. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Where exactly these row-major little-endian elements lie, when a file holds them so. */
  readonly file?: { readonly path: string; readonly offset: number };
  /** The whole numbers that the elements were computed from, of a matrix kept in fewer bits. */
  readonly quantized?: QuantizedElements;
  /** How the elements come from those of other tensors, where they lie in no file. */
  readonly derived?: { readonly how: string; readonly from: readonly StoredTensor[] };
  /** The row-major little-endian elements. */
  read(): Uint8Array;
}

/** A model's tensors by their checkpoint names. */
export type Weights = ReadonlyMap<string, StoredTensor>;

/** Number of bytes of a stored tensor's elements. */
export function byteLength(tensor: Pick<StoredTensor, 'dtype' | 'shape'>): number {
  return countElements(tensor.shape) * BYTES_PER_ELEMENT[tensor.dtype];
}

/** A stored tensor over values in memory. */
export function storedFloats(shape: readonly number[], values: Float32Array): StoredTensor {
  return {
    dtype: 'f32',
    shape,
    read: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** Value of an IEEE 754 half-precision number given by its bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Half-precision numbers as float32: all but zeros, the smallest and infinities differ by their exponents' origin alone. */
function halvesToFloats(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  const words = new Uint32Array(floats.buffer);
  // By index: building from a callback takes ten times as long.
  for (let index = 0; index < halves.length; index++) {
    const bits = halves[index]!;
    const exponent = bits & 0x7c00;
    if (exponent === 0 || exponent === 0x7c00) floats[index] = halfToNumber(bits);
    else words[index] = ((bits & 0x8000) << 16) | (((bits & 0x7fff) << 13) + 0x38000000);
  }
  return floats;
}

const scratch = new DataView(new ArrayBuffer(4));

/** Bits of the half-precision number nearest to a value; ties go to the even one, too large ones to infinity. */
export function numberToHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = bits & 0x7fffff;
  if (exponent === 128) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent > 15) return sign | 0x7c00;
  // Below 2⁻¹⁴ the leading one becomes part of the fraction, shifted down.
  const subnormal = exponent < -14;
  const shift = subnormal ? 13 + (-14 - exponent) : 13;
  if (shift > 24) return sign;
  const significand = subnormal ? fraction | 0x800000 : fraction;
  const base = subnormal ? 0 : (exponent + 15) << 10;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const up = rest > half || (rest === half && (kept & 1) === 1);
  return sign | (base + kept + Number(up));
}

/** Element types that half precision makes smaller. */
const HALVED: ReadonlySet<StoredDType> = new Set(['f32', 'f64', 'bf16']);

/** The tensors with float elements in half precision, converted when they are read; those in fewer bits stay so. */
export function toHalfPrecision(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]): [string, StoredTensor] => {
      if (!HALVED.has(tensor.dtype) || tensor.quantized) return [name, tensor];
      const read = () => new Uint8Array(Uint16Array.from(readFloats(tensor), numberToHalf).buffer);
      return [name, { dtype: 'f16', shape: tensor.shape, read }];
    }),
  );
}

/** The tensors with float elements in single precision, converted when they are read. */
export function toSinglePrecision(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]): [string, StoredTensor] => {
      if (tensor.dtype !== 'f16' && tensor.dtype !== 'f64' && tensor.dtype !== 'bf16') return [name, tensor];
      const read = () => new Uint8Array(readFloats(tensor).buffer);
      return [name, { dtype: 'f32', shape: tensor.shape, read }];
    }),
  );
}

/**
 * The elements as float32: a view where they are stored so, converted otherwise.
 * @throws GraphError for integer tensors.
 */
export function readFloats(tensor: StoredTensor): Float32Array {
  const bytes = tensor.read();
  const count = countElements(tensor.shape);
  const aligned = (size: number) => (bytes.byteOffset % size === 0 ? bytes : bytes.slice());
  switch (tensor.dtype) {
    case 'f32': {
      const source = aligned(4);
      return new Float32Array(source.buffer, source.byteOffset, count);
    }
    case 'f64': {
      const source = aligned(8);
      return Float32Array.from(new Float64Array(source.buffer, source.byteOffset, count));
    }
    case 'bf16': {
      const source = aligned(2);
      const upper = new Uint16Array(source.buffer, source.byteOffset, count);
      const words = new Uint32Array(count);
      for (let index = 0; index < count; index++) words[index] = upper[index]! << 16;
      return new Float32Array(words.buffer);
    }
    case 'f16': {
      const source = aligned(2);
      return halvesToFloats(new Uint16Array(source.buffer, source.byteOffset, count));
    }
    default:
      throw new GraphError(`a tensor of ${tensor.dtype} cannot be read as floats`);
  }
}

/**
 * The stored tensor of a parameter.
 * @throws GraphError when it is missing or has another shape.
 */
export function weightOf(weights: Weights, parameter: ParameterNode): StoredTensor {
  const stored = weights.get(parameter.name);
  const shape = parameter.outputs[0]!.shape;
  if (!stored) throw new GraphError(`the weights hold no tensor '${parameter.name}'`);
  if (stored.shape.join() !== shape.join())
    throw new GraphError(
      `tensor '${parameter.name}' has shape [${stored.shape.join(', ')}], not [${shape.join(', ')}]`,
    );
  return stored;
}

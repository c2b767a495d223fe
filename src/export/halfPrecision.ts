import { InputError } from '../errors.js';
import { readFloats, type StoredTensor, toHalfPrecision, type Weights } from '../graph/weights.js';

/** The largest number of half precision. */
const LARGEST_HALF = 65504;
/** From here on a number is rounded to infinity. */
const ROUNDED_TO_INFINITY = 65520;

function requireHalfRange(name: string, tensor: StoredTensor): void {
  if (tensor.dtype === 'f16') return;
  const beyond = readFloats(tensor).find((value) => Math.abs(value) >= ROUNDED_TO_INFINITY);
  if (beyond !== undefined)
    throw new InputError(
      `tensor '${name}' holds ${beyond}, beyond the ${LARGEST_HALF} that half precision reaches; keep single precision`,
    );
}

/**
 * Weights in half precision, converted as they are read.
 * @throws InputError, when a tensor is read, naming it where a number is too large for half precision.
 */
export function inHalfPrecision(weights: Weights): Weights {
  return new Map(
    [...toHalfPrecision(weights)].map(([name, half]) => {
      const read = () => {
        requireHalfRange(name, weights.get(name)!);
        return half.read();
      };
      return [name, { ...half, read }];
    }),
  );
}

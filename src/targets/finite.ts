import { InputError } from '../errors.js';

/**
 * Whether all are finite numbers: the sum of float32 numbers, taken in float64, is not finite where one of them is not.
 */
export function areFinite(values: ArrayLike<number>): boolean {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return Number.isFinite(sum);
}

/**
 * @param what names the values
 * @throws InputError where some are infinite or not numbers, which comes from the weights.
 */
export function requireFinite(values: ArrayLike<number>, what: string): void {
  if (!areFinite(values))
    throw new InputError(
      `${what} are not finite numbers: the model's weights hold infinities or NaN, or are too large; import or train it again`,
    );
}

import { InputError, quotable } from '../errors.js';
import { readFloats, type Weights } from '../graph/weights.js';

const SHOWN_NAMES = 5;

/** How many of the values are NaN or infinite. */
function countNonFinite(values: Float32Array): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) count++;
  return count;
}

/**
 * Reads all weights once, which also compares the checksums of archives.
 * @param source the checkpoint's name, for messages
 * @param advice what to do about it
 * @throws InputError naming the tensors that hold NaN or infinity.
 */
export function requireFinite(weights: Weights, source: string, advice: string): void {
  const faults = [...weights].flatMap(([name, tensor]) => {
    const values = readFloats(tensor);
    const count = countNonFinite(values);
    return count === 0 ? [] : [`${quotable(name)} (${count} of ${values.length})`];
  });
  if (faults.length === 0) return;
  const more = faults.length > SHOWN_NAMES ? ` and ${faults.length - SHOWN_NAMES} more` : '';
  throw new InputError(
    `${source}: ${faults.length} of ${weights.size} tensors hold values that are not finite: ${faults.slice(0, SHOWN_NAMES).join(', ')}${more}; ${advice}`,
  );
}

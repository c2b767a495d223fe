import { TargetError } from '../../errors.js';
import type { ConstantData } from '../../graph/node.js';

/** Kernels compute in float32, which holds every whole number below this exactly, and of those above only some. */
const INTEGER_LIMIT = 2 ** 24;

/**
 * @param what names the tensor
 * @throws TargetError when integers are too large for a float32 to tell them from their neighbours.
 */
export function requireExactIntegers(data: ConstantData, what: string): void {
  // Not-a-number, which an index out of range gives, is no integer either.
  const wrong = data.find((value) => !(Math.abs(value) < INTEGER_LIMIT));
  if (wrong !== undefined)
    throw new TargetError(
      `gpujs: ${what} holds the integer ${wrong}, and kernels hold integers in float32, exact only below 2^24; use --target onnx`,
    );
}

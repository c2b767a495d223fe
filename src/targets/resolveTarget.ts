import { UsageError } from '../errors.js';
import { onnxTarget } from './onnx/onnxTarget.js';
import { referenceTarget } from './reference/referenceTarget.js';
import type { Target } from './target.js';

/** What `--target` takes. */
export const TARGET_NAMES = ['auto', 'onnx', 'reference'] as const;

/**
 * The target of that name; `auto` is the fastest that works here.
 * @throws UsageError for an unknown name.
 */
export function resolveTarget(name: string, threads?: number): Target {
  switch (name) {
    case 'auto':
    case 'onnx':
      return onnxTarget(threads === undefined ? {} : { threads });
    case 'reference':
      return referenceTarget;
    default:
      throw new UsageError(`target '${name}' is unknown; there are ${TARGET_NAMES.join(', ')}`);
  }
}

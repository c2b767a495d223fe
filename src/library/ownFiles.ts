import { statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { MODEL_FILES } from './pull.js';

/** A file's identity, whatever links lead to it; undefined where there is none. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Refuses output in place of the model's own files, which may be read while it is written.
 * @param folder of a model; others, and names that are none, have no such files
 * @param outputs paths, whether there is something or not
 * @throws UsageError naming the path.
 */
export function requireForeignOutput(folder: string, outputs: readonly string[]): void {
  const own = new Set(MODEL_FILES.map((file) => identityOf(join(folder, file))));
  own.delete(undefined);
  const wrong = outputs.find((path) => own.has(identityOf(path)));
  if (wrong !== undefined)
    throw new UsageError(`${wrong} is a file of the model in ${folder}; give the output another name`);
}

/**
 * Refuses output in place of a file that is read.
 * @param inputs paths of files or folders
 * @throws UsageError naming the path.
 */
export function requireOtherOutput(inputs: readonly string[], output: string): void {
  const identity = identityOf(output);
  if (identity !== undefined && inputs.some((path) => identityOf(path) === identity))
    throw new UsageError(`${output} is read: give the output another name`);
}

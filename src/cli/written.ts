import type { WrittenFile } from './imageOutput.js';

/**
 * What was written, in one line for people; undefined where all went to stdout.
 * @param output the folder, where there are several files
 * @param what is in the file, where there is one
 */
export function writtenLine(
  files: readonly WrittenFile[],
  output: string | undefined,
  what: string,
): string | undefined {
  const [first, ...others] = files;
  if (first === undefined) return undefined;
  if (others.length > 0) return `wrote ${files.length} pictures to ${output}`;
  const { path, size } = first;
  return `wrote ${path}: ${what}${size ? ` (${size.width}×${size.height})` : ''}`;
}

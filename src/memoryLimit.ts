import { totalmem } from 'node:os';
import { UsageError } from './errors.js';

const GIGABYTE = 2 ** 30;

/**
 * Refuses what the memory of the machine, or of its container, cannot hold, before it is allocated.
 * @param cause the flags that ask for so much
 * @throws UsageError
 */
export function requireMemory(bytes: number, cause: string): void {
  const constrained = process.constrainedMemory();
  const limit = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  if (bytes <= limit) return;
  const [needed, available] = [bytes, limit].map((value) => (value / GIGABYTE).toFixed(1));
  throw new UsageError(
    `${cause}: this needs ${needed} GB of memory, and there are ${available} GB; ask for less`,
  );
}

import { totalmem } from 'node:os';
import { UsageError } from './errors.js';

const GIGABYTE = 2 ** 30;

/** Bytes of memory of the machine, or of its container. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * Refuses what the memory of the machine, or of its container, cannot hold, before it is allocated.
 * @param cause the flags that ask for so much
 * @throws UsageError
 */
export function requireMemory(bytes: number, cause: string): void {
  const limit = machineMemory();
  if (bytes <= limit) return;
  const [needed, available] = [bytes, limit].map((value) => (value / GIGABYTE).toFixed(1));
  throw new UsageError(
    `${cause}: this needs ${needed} GB of memory, and there are ${available} GB; ask for less`,
  );
}

import { join } from 'node:path';
import { OutputError, systemReason } from '../errors.js';
import { isOfHere, type Lock, takeLock } from '../fileLock.js';

const LOCK_FILE = 'lock';

/**
 * Makes this process the only one that works on a run, until it ends or releases. The lock of a process that is no
 * more, however it ended, does not count.
 * @returns releases the lock
 * @throws OutputError naming the process that works on the run, or the folder where it cannot be written.
 */
export function lockRun(folder: string): () => void {
  const path = join(folder, LOCK_FILE);
  let lock: Lock;
  try {
    lock = takeLock(path);
  } catch (error) {
    throw new OutputError(`${folder}: the run cannot be locked: ${systemReason(error)}`, error);
  }
  if ('release' in lock) return lock.release;
  const { holder } = lock;
  if (isOfHere(holder))
    throw new OutputError(`${folder}: process ${holder.pid} works on this run; wait for it or stop it first`);
  throw new OutputError(
    `${folder}: process ${holder.pid} on ${holder.host} works on this run; if it has ended, remove ${path}`,
  );
}

import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Tells machines apart that share a folder. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const PARTIAL_NAME = /^\.arpg-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.partial$/;

/** A name in a folder for output that is not complete yet. It says which process it belongs to. */
export function partialName(folder: string): string {
  return join(folder, `.arpg-${HOST}-${process.pid}-${randomBytes(4).toString('hex')}.partial`);
}

/** Whether a process of this machine lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not allowed to signal it: somebody else's, alive.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what may be there; that it cannot be removed is nothing to report beside why it should be. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It stays, hidden and named as partial; somebody else's, perhaps.
  }
}

/** Folders that this process has looked through: it leaves nothing behind itself. */
const cleaned = new Set<string>();

/**
 * Removes what processes of this machine that are no more, for example killed ones, left half written in a folder. Each
 * folder is looked through once, since it may hold many files.
 */
function removeLeftovers(folder: string): void {
  if (cleaned.has(folder)) return;
  cleaned.add(folder);
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    // Not there yet, or not to be listed: whoever writes there will say what is wrong.
    return;
  }
  for (const name of names) {
    const [, host, pid] = PARTIAL_NAME.exec(name) ?? [];
    if (host !== HOST || isAlive(Number(pid))) continue;
    removeQuietly(join(folder, name));
  }
}

/** What this process has begun and not ended. */
const begun = new Set<string>();

/** A name in a folder for output that is not complete yet; a program that is stopped removes it, until `endPartial`. */
export function beginPartial(folder: string): string {
  removeLeftovers(folder);
  const name = partialName(folder);
  begun.add(name);
  return name;
}

/** The output of a name that `beginPartial` gave is complete, or gone. */
export function endPartial(name: string): void {
  begun.delete(name);
}

/** Removes what is half written; for a program that is being stopped. */
export function removePartialOutput(): void {
  for (const name of begun) removeQuietly(name);
  begun.clear();
}

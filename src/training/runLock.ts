import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { OutputError, systemReason } from '../errors.js';
import { isAlive, partialName } from '../partialNames.js';

const LOCK_FILE = 'lock';

/** Who works on a run. */
interface Holder {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in the system's own count; tells it from a later one of the same number. */
  readonly started: string;
}

/** The start of a process on Linux, in clock ticks after this boot; empty where the system does not say. */
function startOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The name, in parentheses, may hold anything; the start is the 20th field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s/s, '')
      .split(' ');
    return `${boot}:${fields[19]}`;
  } catch {
    return '';
  }
}

function holds({ pid, started }: Holder): boolean {
  if (!isAlive(pid)) return false;
  const now = startOf(pid);
  return started === '' || now === '' || now === started;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { host, pid, started } = JSON.parse(text) as Partial<Holder>;
    return typeof host === 'string' && Number.isSafeInteger(pid) && typeof started === 'string'
      ? { host, pid: pid!, started }
      : undefined;
  } catch {
    // A lock comes into being whole; what is none was not written by a run.
    return undefined;
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Locks that this process holds; they go with it. */
const held = new Map<string, string>();

function release(path: string): void {
  // Only the own one: it may have been removed by hand and taken by somebody else.
  if (held.has(path) && readLock(path) === held.get(path)) rmSync(path, { force: true });
  held.delete(path);
}

process.on('exit', () => {
  for (const path of held.keys()) release(path);
});

const nameBeside = (path: string) => partialName(dirname(path));

/** Puts the lock there with all its text at once; false where there is one. */
function place(path: string, text: string): boolean {
  const own = nameBeside(path);
  writeFileSync(own, text, { flag: 'wx' });
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Takes a dead process' lock away; should it be another's by now, it is put back. */
function removeStale(path: string, text: string): void {
  const aside = nameBeside(path);
  try {
    renameSync(path, aside);
    if (readLock(aside) !== text) linkSync(aside, path);
  } catch (error) {
    // Somebody else was faster: the next look at the lock tells.
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Makes this process the only one that works on a run, until it ends or releases. The lock of a process that is no
 * more, however it ended, does not count.
 * @returns releases the lock
 * @throws OutputError naming the process that works on the run, or the folder where it cannot be written.
 */
export function lockRun(folder: string): () => void {
  const path = join(folder, LOCK_FILE);
  const text = JSON.stringify({ host: hostname(), pid: process.pid, started: startOf(process.pid) });
  try {
    while (!place(path, text)) {
      const found = readLock(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder && holder.host !== hostname())
        throw new OutputError(
          `${folder}: process ${holder.pid} on ${holder.host} works on this run; if it has ended, remove ${path}`,
        );
      if (holder && holds(holder))
        throw new OutputError(
          `${folder}: process ${holder.pid} works on this run; wait for it or stop it first`,
        );
      removeStale(path, found);
    }
  } catch (error) {
    if (error instanceof OutputError) throw error;
    throw new OutputError(`${folder}: the run cannot be locked: ${systemReason(error)}`, error);
  }
  held.set(path, text);
  return () => release(path);
}

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isAlive, partialName } from './partialNames.js';

/** The process that holds a lock. */
export interface Holder {
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
    // A lock comes into being whole; what is none was not written here.
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

/** What came of the wish for a lock: what gives it back, or who has it. */
export type Lock = { readonly release: () => void } | { readonly holder: Holder };

/** Whether a lock's holder is a process of this machine. */
export function isOfHere({ host }: Holder): boolean {
  return host === hostname();
}

/**
 * Puts a lock file there, which goes when it is released or this process ends. That of a process of this machine that is
 * no more, however it ended, does not count.
 * @throws the system's error where the file cannot be written.
 */
export function takeLock(path: string): Lock {
  const text = JSON.stringify({ host: hostname(), pid: process.pid, started: startOf(process.pid) });
  while (!place(path, text)) {
    const found = readLock(path);
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (holder && (!isOfHere(holder) || holds(holder))) return { holder };
    removeStale(path, found);
  }
  held.set(path, text);
  return { release: () => release(path) };
}

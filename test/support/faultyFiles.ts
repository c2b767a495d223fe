import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** How a file operation goes wrong. */
export const FAULTS = ['before', 'half-way', 'after', 'full disk'] as const;
export type Fault = (typeof FAULTS)[number];

/** What a process that is killed throws here: everything that it does to files from then on has no effect. */
export class Killed extends Error {}

/** Functions that change files; the rest only read, or call these. */
const CHANGING = [
  'appendFileSync',
  'cpSync',
  'fsyncSync',
  'linkSync',
  'mkdirSync',
  'openSync',
  'renameSync',
  'rmSync',
  'truncateSync',
  'writeFileSync',
  'writeSync',
] as const;
type Changing = (typeof CHANGING)[number];
type Operation = (...args: unknown[]) => unknown;

const functions = fs as unknown as Record<Changing, Operation>;

/** Whether the call changes anything. */
function changes(name: Changing, args: readonly unknown[]): boolean {
  if (name !== 'openSync') return true;
  return typeof args[1] === 'string' && args[1] !== 'r';
}

/** Calls that a full disk refuses. */
const NEEDS_ROOM: ReadonlySet<Changing> = new Set([
  'appendFileSync',
  'linkSync',
  'mkdirSync',
  'openSync',
  'renameSync',
  'writeFileSync',
  'writeSync',
]);

function fullDisk(name: string): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: name });
}

function half(name: Changing, original: Operation, args: readonly unknown[]): void {
  const [first, bytes, offset = 0, length] = args as [unknown, Uint8Array, number | undefined, number?];
  if (name === 'writeSync') {
    const count = Math.floor((length ?? bytes.length - offset) / 2);
    if (count > 0) original(first, bytes, offset, count);
  }
  if (name === 'rmSync') {
    const inner = fs.statSync(first as string, { throwIfNoEntry: false })?.isDirectory()
      ? fs
          .readdirSync(first as string, { recursive: true, withFileTypes: true })
          .find((entry) => entry.isFile())
      : undefined;
    if (inner) original(`${inner.parentPath}/${inner.name}`);
  }
  if (name === 'writeFileSync' || name === 'appendFileSync') {
    const whole = Buffer.from(bytes as unknown as string);
    original(first, whole.subarray(0, Math.floor(whole.length / 2)), args[2]);
  }
}

/**
 * Runs something while one of its operations on files goes wrong.
 * @param at number of the operation, from 0; beyond the last nothing happens
 * @returns how many operations there were, up to the fault
 * @throws whatever the work throws; `Killed` where it was killed
 */
export async function withFault(
  { at, fault }: { readonly at: number; readonly fault: Fault },
  work: () => Promise<unknown>,
): Promise<number> {
  const originals = new Map(CHANGING.map((name) => [name, functions[name]]));
  let [count, killed] = [0, false];
  for (const [name, original] of originals) {
    functions[name] = (...args) => {
      if (!changes(name, args)) return original(...args);
      if (killed) throw new Killed();
      const isHere = count++ === at;
      if (!isHere) return original(...args);
      if (fault === 'full disk') {
        if (!NEEDS_ROOM.has(name)) return original(...args);
        half(name, original, args);
        throw fullDisk(name);
      }
      killed = true;
      if (fault === 'half-way') half(name, original, args);
      if (fault === 'after') original(...args);
      throw new Killed();
    };
  }
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const [name, original] of originals) functions[name] = original;
    syncBuiltinESMExports();
  }
  return count;
}

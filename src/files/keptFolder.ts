import { readdirSync, rmSync, type Stats, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/** A result that was used is marked so at most this often. */
const MARK_AFTER_MS = 24 * 3600e3;
/** Files under other names were left by a process that ended while it wrote. */
const ABANDONED_AFTER_MS = 3600e3;

const KEY = /^[0-9a-f]{64}$/;

/** What the action gives; undefined where it fails. */
export function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Marks a result as used, so that it goes later than others; when it was written to stays as it is. */
export function markUsed(path: string, { atimeMs, mtimeMs }: Stats): void {
  if (Date.now() - atimeMs > MARK_AFTER_MS) attempt(() => utimesSync(path, new Date(), mtimeMs / 1000));
}

/** Removes what a process left unfinished, and results beyond the limit, those used longest ago first. */
export function tidy(folder: string, limit: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const status = attempt(() => statSync(join(folder, name)));
    return status?.isFile() ? [{ name, size: status.size, usedAt: status.atimeMs }] : [];
  });
  let total = 0;
  for (const { name, size, usedAt } of files.sort((a, b) => b.usedAt - a.usedAt)) {
    const isResult = KEY.test(name);
    if (isResult) total += size;
    const goes = isResult ? total > limit : Date.now() - usedAt > ABANDONED_AFTER_MS;
    if (goes) attempt(() => rmSync(join(folder, name)));
  }
}

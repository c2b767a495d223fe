import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

const KEY_DIGITS = 20;
const MAX_NAME = 100;

/** Where downloads are kept: `ARPG_CACHE`, or `arpg` in the cache folder of the XDG rules. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { ARPG_CACHE: own, XDG_CACHE_HOME: xdg } = environment;
  if (own) return own;
  // The XDG rules say to ignore relative paths.
  return join(xdg?.startsWith('/') ? xdg : join(homedir(), '.cache'), 'arpg');
}

/** The place of a URL's file in the cache; its name ends like the file's. */
export function cachePath(folder: string, url: string): string {
  const key = createHash('sha256').update(url).digest('hex').slice(0, KEY_DIGITS);
  const name =
    basename(new URL(url).pathname)
      .replace(/[^\w.-]/g, '_')
      .slice(-MAX_NAME) || 'file';
  return join(folder, `${key}-${name}`);
}

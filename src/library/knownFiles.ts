import { existsSync } from 'node:fs';
import { cacheFolder, cachePath } from '../download/cache.js';

/** A file that others publish and that arpg knows. */
export interface KnownFile {
  readonly url: string;
  readonly sha256: string;
  /** What it is, for people. */
  readonly what: string;
}

/** Files that evaluation needs, by the name that `arpg pull` takes. */
export const KNOWN_FILES = {
  // As pytorch-fid converted it from TensorFlow's network of 2015.
  inception: {
    url: 'https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth',
    sha256: '6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2',
    what: 'Inception v3 of 2015, whose features the Fréchet Inception Distance is defined on; 96 MB',
  },
} as const satisfies Readonly<Record<string, KnownFile>>;

/** The file of a name; undefined where there is none. */
export function knownFile(name: string): KnownFile | undefined {
  return Object.hasOwn(KNOWN_FILES, name) ? KNOWN_FILES[name as keyof typeof KNOWN_FILES] : undefined;
}

/** Where a known file lies in the cache; undefined before it was fetched. */
export function fetchedFile({ url }: KnownFile, cache: string = cacheFolder()): string | undefined {
  const path = cachePath(cache, url);
  return existsSync(path) ? path : undefined;
}

import { createHash, type Hash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** What a file's bytes must hash to: SHA-256, or git's name of a blob, which hubs state for small files. */
export type Checksum = { readonly kind: 'sha256' | 'git'; readonly hex: string };

const HEX_DIGITS = { sha256: 64, git: 40 } as const;

/** Whether the text can be a checksum of that kind. */
export function isHex(text: string, kind: Checksum['kind']): boolean {
  return new RegExp(`^[0-9a-f]{${HEX_DIGITS[kind]}}$`, 'i').test(text);
}

function startHash(kind: Checksum['kind'], bytes: number): Hash {
  return kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
}

/** The checksum of a file's bytes. */
export async function fileChecksum(path: string, kind: Checksum['kind']): Promise<string> {
  const hash = startHash(kind, statSync(path).size);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { validator } from '../jsonFile.js';
import type { Checksum } from './checksum.js';
import { isHex } from './checksum.js';

/** A repository of a hub, at a branch, tag or commit. */
export interface HubRepository {
  /** Without a slash at the end. */
  readonly base: string;
  /** `owner/name` */
  readonly name: string;
  readonly revision: string;
}

/** A file that a hub lists. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  readonly checksum?: Checksum;
}

interface TreeEntry {
  readonly type: string;
  readonly path: string;
  readonly size?: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

const text = { type: 'string' } as const;
const size = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;

const validate = validator<readonly TreeEntry[]>({
  type: 'array',
  items: {
    type: 'object',
    required: ['type', 'path'],
    properties: {
      type: text,
      path: text,
      size: { ...size, nullable: true },
      oid: { ...text, nullable: true },
      lfs: { type: 'object', required: ['oid', 'size'], properties: { oid: text, size }, nullable: true },
    },
  },
} as JSONSchemaType<readonly TreeEntry[]>);

/** `owner/name` or `owner/name@revision`; undefined where the text is something else. */
export function parseRepository(source: string, base: string): HubRepository | undefined {
  const [, name, revision = 'main'] = /^([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(source) ?? [];
  if (name === undefined || name.split('/').some((part) => /^\.+$/.test(part)) || revision.includes('..'))
    return undefined;
  return { base: base.replace(/\/+$/, ''), name, revision };
}

/** Whether a path stays inside the folder that it is put into. */
export function isInnerPath(path: string): boolean {
  return (
    path !== '' &&
    !path.includes('\\') &&
    !path.includes('\0') &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** Where a hub lists a repository's files. */
export function listingUrl({ base, name, revision }: HubRepository): string {
  return `${base}/api/models/${name}/tree/${encodeURIComponent(revision)}?recursive=true`;
}

/** Where a hub has a file. */
export function fileUrl({ base, name, revision }: HubRepository, path: string): string {
  return `${base}/${name}/resolve/${encodeURIComponent(revision)}/${encodePath(path)}`;
}

/**
 * The files of a hub's listing. Large ones state their SHA-256, small ones git's name of their blob.
 * @throws InputError when it is no such listing.
 */
export function parseListing(json: string, source: string): readonly HubFile[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new InputError(`${source}: not a listing of files: it is not JSON`);
  }
  return validate(value, source)
    .filter(({ type, path }) => type === 'file' && isInnerPath(path))
    .map(({ path, size: own = 0, oid = '', lfs }) => {
      if (lfs && isHex(lfs.oid, 'sha256'))
        return { path, size: lfs.size, checksum: { kind: 'sha256', hex: lfs.oid } };
      return { path, size: own, ...(isHex(oid, 'git') && { checksum: { kind: 'git', hex: oid } as const }) };
    });
}

import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { JsonError, parseJson } from '../files/jsonText.js';
import { validator } from '../jsonFile.js';
import { printable } from '../printable.js';
import type { Checksum } from './checksum.js';
import { isHex } from './checksum.js';

/** A listing longer than this is refused: some 50,000 files. */
export const MAX_LISTING_BYTES = 8 * 2 ** 20;

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

/** Longest path that is taken. */
const MAX_PATH = 1024;
/** What Windows takes for a device, a stream or another name. */
const WINDOWS_NAME = /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether a path stays inside the folder that it is put into, under the name that it shows. */
export function isInnerPath(path: string, platform = process.platform): boolean {
  return (
    path.length <= MAX_PATH &&
    !path.includes('\\') &&
    printable(path) === path &&
    path
      .split('/')
      .every(
        (part) =>
          part !== '' && part !== '.' && part !== '..' && !(platform === 'win32' && WINDOWS_NAME.test(part)),
      )
  );
}

/** Two of the paths that some file system takes for the same, such as `A` and `a`. */
export function collidingPaths(paths: readonly string[]): readonly [string, string] | undefined {
  const known = new Map<string, string>();
  for (const path of paths) {
    const folded = path.normalize('NFKC').toLowerCase();
    const other = known.get(folded);
    if (other !== undefined) return [other, path];
    known.set(folded, path);
  }
  return undefined;
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
 * The files of a hub's listing but those whose paths are unsafe. Large ones state their SHA-256, small ones git's name of their blob.
 * @throws InputError when it is no such listing.
 */
export function parseListing(json: string, source: string): readonly HubFile[] {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new InputError(`${source}: not a listing of files: ${error.message}`, error);
  }
  return validate(value, source)
    .filter(({ type, path }) => type === 'file' && isInnerPath(path))
    .map(({ path, size: own = 0, oid = '', lfs }) => {
      if (lfs && isHex(lfs.oid, 'sha256'))
        return { path, size: lfs.size, checksum: { kind: 'sha256', hex: lfs.oid } };
      return { path, size: own, ...(isHex(oid, 'git') && { checksum: { kind: 'git', hex: oid } as const }) };
    });
}

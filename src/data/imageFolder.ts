import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { InputError, systemReason } from '../errors.js';
import { readBounded } from './boundedFile.js';
import { decodeImage } from './image.js';
import { type PictureList, UNLABELLED } from './pictureList.js';

/** Endings of the names of pictures. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp']);

/** Folders in which systems and programs keep copies of their own. */
const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '__MACOSX',
  '__pycache__',
  '@eaDir',
  '#recycle',
  '$RECYCLE.BIN',
  'System Volume Information',
  'lost+found',
]);
/** Digits that numbers are compared at. */
const NUMBER_DIGITS = 20;

/** A class's pictures. */
interface ClassFolder {
  readonly label: string;
  readonly files: readonly string[];
}

/** The pictures below a folder. */
export interface FolderScan {
  readonly classes: readonly ClassFolder[];
  /** Pictures in the folder itself, which have no class. */
  readonly loose: readonly string[];
  /** What was left out, a line each. */
  readonly notes: readonly string[];
}

/** Names that belong to the user's data: neither hidden nor a system's. */
export function isDataName(name: string): boolean {
  return !name.startsWith('.') && !SYSTEM_FOLDERS.has(name);
}

const isImageName = (name: string) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase());

/** Sorts like the text, but numbers between slashes by what they count, before all others. */
function sortedLabels(labels: readonly string[]): readonly string[] {
  const keyOf = (label: string) =>
    label
      .split('/')
      .map((part) => (/^\d+$/.test(part) ? part.padStart(NUMBER_DIGITS, '0') : part))
      .join('/');
  const keyed = labels.map((label) => ({ label, key: keyOf(label) }));
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return keyed.sort((a, b) => compare(a.key, b.key) || compare(a.label, b.label)).map(({ label }) => label);
}

/** What the entries left out have in common, and their names. */
type LeftOut = 'dead' | 'repeated' | 'empty' | 'odd';

const LEFT_OUT: Readonly<Record<LeftOut, string>> = {
  dead: 'links that lead nowhere',
  repeated: 'linked folders that are taken already or hold this one',
  empty: 'folders without pictures, which are no classes',
  odd: 'entries named like pictures that are no files',
};

/** Walks a folder once; what it comes by is kept. */
class Walk {
  readonly classes = new Map<string, readonly string[]>();
  private readonly seen = new Set<string>();
  private readonly leftOut = new Map<LeftOut, { readonly first: string; readonly count: number }>();
  private readonly realRoot: string;

  constructor(private readonly root: string) {
    this.realRoot = realPath(root);
    this.seen.add(this.realRoot);
  }

  /** @returns the pictures right in the folder, and the names of the folders in it */
  enter(label: string): { readonly files: readonly string[]; readonly folders: readonly string[] } {
    const path = join(this.root, label);
    const files: string[] = [];
    const folders: string[] = [];
    for (const entry of listFolder(path)) {
      const inner = label === '' ? entry.name : `${label}/${entry.name}`;
      if (!isDataName(entry.name)) continue;
      const kind = kindOf(path, entry);
      if (kind === undefined) this.leave('dead', inner);
      else if (isImageName(entry.name)) {
        if (kind.isFile()) files.push(join(path, entry.name));
        else this.leave('odd', inner);
      } else if (kind.isDirectory()) folders.push(entry.name);
    }
    return { files: files.sort(), folders };
  }

  /** The labels of a folder and of those within it; none when it holds no pictures. */
  labelsOf(label: string): readonly string[] {
    const real = realPath(join(this.root, label));
    if (this.seen.has(real) || isWithin(this.realRoot, real)) {
      this.leave('repeated', label);
      return [];
    }
    this.seen.add(real);
    const { files, folders } = this.enter(label);
    const within = folders.flatMap((name) => this.labelsOf(`${label}/${name}`));
    if (files.length > 0) this.classes.set(label, files);
    else if (within.length === 0) this.leave('empty', label);
    return [...(files.length > 0 ? [label] : []), ...sortedLabels(within)];
  }

  notes(): readonly string[] {
    return [...this.leftOut].map(
      ([kind, { first, count }]) =>
        `${this.root}: left out ${count} ${LEFT_OUT[kind]}: ${first}${count > 1 ? ', …' : ''}`,
    );
  }

  private leave(kind: LeftOut, name: string): void {
    const { first = name, count = 0 } = this.leftOut.get(kind) ?? {};
    this.leftOut.set(kind, { first, count: count + 1 });
  }
}

/** @throws InputError where the name cannot be used, for example because it is no UTF-8. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const isOdd = path.includes('\ufffd');
    throw new InputError(
      `${path}: cannot be read as a data set: ${isOdd ? 'its name is not UTF-8; rename it' : systemReason(error)}`,
      error,
    );
  }
}

/** Whether a path lies in a folder; both are real paths. */
function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

function listFolder(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw new InputError(`${path}: cannot be read as a data set: ${systemReason(error)}`, error);
  }
}

/** What an entry is, or what its link leads to; undefined when that is nowhere. */
function kindOf(path: string, entry: Dirent): Pick<Stats, 'isFile' | 'isDirectory'> | undefined {
  if (!entry.isSymbolicLink()) return entry;
  try {
    return statSync(join(path, entry.name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') return undefined;
    throw new InputError(`${join(path, entry.name)}: cannot be read: ${systemReason(error)}`, error);
  }
}

/**
 * Finds the pictures below a folder. Each folder with pictures right in it is a class, called by its path. Hidden names
 * and those of systems are passed over; links are followed, to each folder once.
 * @throws InputError naming the folder that cannot be read.
 */
export function scanFolder(path: string): FolderScan {
  const walk = new Walk(path);
  const { files: loose, folders } = walk.enter('');
  const labels = sortedLabels(folders).flatMap((name) => walk.labelsOf(name));
  return {
    classes: labels.map((label) => ({ label, files: walk.classes.get(label)! })),
    loose,
    notes: walk.notes(),
  };
}

/** The pictures that a scan found: the loose ones first when they are wanted, then class by class. */
export function picturesOfScan({ classes, loose, notes }: FolderScan, withLoose: boolean): PictureList {
  const pictures = [
    ...(withLoose ? loose.map((file) => ({ file, classId: UNLABELLED })) : []),
    ...classes.flatMap(({ files }, classId) => files.map((file) => ({ file, classId }))),
  ];
  return {
    count: pictures.length,
    labels: classes.map(({ label }) => label),
    classOf: (index) => pictures[index]!.classId,
    placeOf: (index) => pictures[index]!.file,
    async read(index) {
      const { file } = pictures[index]!;
      // Read at one go: a large batch would hold more files open than a process may have.
      return decodeImage(readBounded(file), file);
    },
    notes,
  };
}

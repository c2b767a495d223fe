import { existsSync, readdirSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { cacheFolder } from './download/cache.js';
import { packageFile } from './packageFiles.js';

/** Where models that come with arpg lie. */
const SHIPPED = resolve(packageFile('fixtures/models/'));
/** What every model folder has. */
const CONFIG_FILE = 'config.json';
/** Of one folder; more than anybody keeps models in. */
const MAX_ENTRIES = 2000;

/** The model used when none is named. */
export const DEFAULT_MODEL = 'digits';

/** Environment variables. */
type Environment = Readonly<Record<string, string | undefined>>;

/** How a model came to be where it is. */
export type ModelOrigin = 'shipped' | 'cached' | 'folder';

/** A folder that looks like a model's. */
export interface ModelPlace {
  /** As `--model` takes it. */
  readonly name: string;
  readonly folder: string;
  readonly origin: ModelOrigin;
}

/** The folders that `ARPG_MODELS` names, in which models lie. */
function modelFolders({ ARPG_MODELS }: Environment): readonly string[] {
  return (ARPG_MODELS ?? '').split(delimiter).filter((path) => path !== '');
}

const isModel = (folder: string): boolean => existsSync(join(folder, CONFIG_FILE));

/** The folder of a model that comes with arpg; undefined where none has that name. */
export function shippedModel(name: string): string | undefined {
  const folder = join(SHIPPED, name);
  return /^[\w-]+$/.test(name) && existsSync(folder) ? folder : undefined;
}

/**
 * The folder of a model: a folder at hand, else the model of that name that comes with arpg, else one in a folder of
 * `ARPG_MODELS`; else the path itself.
 */
export function modelFolder(nameOrPath: string, environment: Environment = process.env): string {
  if (!/^[\w-][\w.-]*$/.test(nameOrPath) || existsSync(nameOrPath)) return nameOrPath;
  const places = [SHIPPED, ...modelFolders(environment)].map((folder) => join(folder, nameOrPath));
  return places.find(isModel) ?? nameOrPath;
}

/** What a model is called: its name where it comes with arpg, else its folder as it was given. */
export function shownName(folder: string): string {
  return dirname(resolve(folder)) === SHIPPED ? basename(folder) : folder;
}

/** Names of the folders in a folder, hidden ones left out; none where it cannot be read. */
function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .slice(0, MAX_ENTRIES)
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

/** Model folders in a folder and in those that lie in it, as paths from there. */
function modelsBelow(folder: string, depth: number): readonly string[] {
  return foldersIn(folder).flatMap((name) => {
    const path = join(folder, name);
    if (isModel(path)) return [name];
    return depth === 0 ? [] : modelsBelow(path, depth - 1).map((inner) => `${name}/${inner}`);
  });
}

/** The name of a model that was fetched on first use into `HUB/OWNER/NAME@REVISION`. */
function cachedName(path: string): string {
  const [owner, name] = path.split('/').slice(-2).map(decodeURIComponent);
  return `${owner}/${name}`.replace(/@main$/, '');
}

/** Folders too large to look for models in. */
const NO_MODELS: ReadonlySet<string> = new Set(['node_modules', 'dist']);

/**
 * Where models are: those that come with arpg, those that were pulled into the cache, those in the folders of
 * `ARPG_MODELS`, and those in the working folder and up to two folders deeper.
 */
export function findModelPlaces(environment: Environment = process.env): readonly ModelPlace[] {
  const listed = (root: string, depth: number, origin: ModelOrigin, nameOf: (path: string) => string) =>
    modelsBelow(root, depth).map(
      (path): ModelPlace => ({ name: nameOf(path), folder: join(root, path), origin }),
    );
  const cached = join(cacheFolder(environment), 'models');
  const here = foldersIn('.').filter((name) => !NO_MODELS.has(name));
  const places = [
    ...listed(SHIPPED, 0, 'shipped', (path) => path),
    ...listed(cached, 2, 'cached', cachedName),
    ...modelFolders(environment).flatMap((root) => listed(root, 0, 'folder', (path) => path)),
    ...here.flatMap((root) =>
      isModel(root)
        ? [{ name: root, folder: root, origin: 'folder' as const }]
        : listed(root, 1, 'folder', (path) => `${root}/${path}`),
    ),
  ];
  const known = new Set<string>();
  return places.filter(({ folder }) => {
    const path = resolve(folder);
    return !known.has(path) && known.add(path) !== undefined;
  });
}

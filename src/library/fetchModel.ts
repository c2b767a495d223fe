import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { cacheFolder } from '../download/cache.js';
import { type HubRepository, parseRepository } from '../download/hub.js';
import { InputError, OutputError, UsageError } from '../errors.js';
import { DEFAULT_HUB, pull, type PullOptions } from './pull.js';

/** Below the cache folder: a folder for each hub, in it one for each owner, in it the models by name and revision. */
const MODELS_FOLDER = 'models';

export type FetchOptions = Omit<PullOptions, 'output' | 'files' | 'sha256'>;

function safe(name: string): string {
  return encodeURIComponent(name).replaceAll('*', '%2A');
}

/** Whether a name is that of a hub's model, `owner/name` or `owner/name@revision`: what lies at such a path comes first. */
export function isHubName(name: string): boolean {
  return parseRepository(name, DEFAULT_HUB) !== undefined && !existsSync(name);
}

/** Where the models that were fetched on first use lie. */
export function fetchedModels(cache: string = cacheFolder()): string {
  return join(cache, MODELS_FOLDER);
}

function placeOf({ base, name, revision }: HubRepository, cache: string): string {
  const { host, pathname } = new URL(base);
  const [owner, model] = name.split('/') as [string, string];
  const hub = safe(`${host}${pathname.replace(/\/+$/, '')}`);
  return join(fetchedModels(cache), hub, owner, `${model}@${safe(revision)}`);
}

/**
 * The cached folder of a hub's model, whether it is there or not; undefined where the name is none of `owner/name` or
 * `owner/name@revision`.
 */
export function fetchedModel(
  name: string,
  { hub = DEFAULT_HUB, cache = cacheFolder() }: Pick<FetchOptions, 'hub' | 'cache'> = {},
): string | undefined {
  if (!URL.canParse(hub)) throw new UsageError(`the hub ${hub} is not a URL`);
  const repository = parseRepository(name, hub);
  return repository && placeOf(repository, cache);
}

/** What a model is called: `owner/name@revision` where it was fetched on first use, else the name of its folder. */
export function modelName(folder: string, cache: string = cacheFolder()): string {
  const [hub, owner, model, ...more] = relative(fetchedModels(cache), folder).split(sep);
  const isFetched = hub !== '..' && owner !== undefined && model !== undefined && more.length === 0;
  return isFetched ? `${owner}/${decodeURIComponent(model)}` : basename(resolve(folder));
}

/**
 * The folder of a hub's model: `load(await fetchModel('owner/name'))`. It is fetched into the cache on first use, checked
 * against the hub's checksums, and nothing of it is run.
 * @param name `owner/name` or `owner/name@revision`
 * @throws UsageError for other names, InputError when the download or its content is at fault.
 */
export async function fetchModel(name: string, options: FetchOptions = {}): Promise<string> {
  const folder = fetchedModel(name, options);
  if (folder === undefined) throw new UsageError(`'${name}' is not a hub's model such as owner/name`);
  if (existsSync(folder)) return folder;
  const beside = dirname(name);
  if (existsSync(beside))
    throw new InputError(
      `${name}: no such model folder; as there is a folder ${beside} here, it is not looked for on a hub: arpg pull ${name} would do that`,
    );
  if (options.offline)
    throw new InputError(
      `${name}: there is no such folder, nor is the model in the cache, and to download it is forbidden (ARPG_OFFLINE)`,
    );
  try {
    await pull(name, { ...options, output: folder, moves: true });
  } catch (error) {
    // Another process was faster.
    if (!(error instanceof OutputError && existsSync(folder))) throw error;
  }
  return folder;
}

import {
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  linkSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { faultOfNumber, faultOfWhole } from '../sampling/settingFaults.js';
import { writeFolderAtomically, writeOutputFile } from '../atomicFile.js';
import { makeFolder } from '../files/makeFolder.js';
import { CONFIG_FILE, readModelConfig } from '../models/modelConfig.js';
import { openGenerator, openTokenizer } from '../models/modelFolder.js';
import { cacheFolder, cachePath } from '../download/cache.js';
import { type Checksum, fileChecksum, isHex } from '../download/checksum.js';
import { download, type DownloadOptions } from '../download/download.js';
import {
  collidingPaths,
  fileUrl,
  type HubFile,
  type HubRepository,
  isInnerPath,
  listingUrl,
  MAX_LISTING_BYTES,
  parseListing,
  parseRepository,
} from '../download/hub.js';
import { InputError, UsageError } from '../errors.js';
import { findTokenizer } from '../tokenizers/registry.js';
import { type KnownFile, knownFile } from './knownFiles.js';
import { requireNoFault } from './settings.js';

export const DEFAULT_HUB = 'https://huggingface.co';
export const DEFAULT_TIMEOUT_SECONDS = 30;

/** The files of a model folder, in the order that they are fetched. */
export const MODEL_FILES = [
  'config.json',
  'labels.json',
  'aliases.json',
  'README.md',
  'tokenizer/config.json',
  'tokenizer/model.safetensors',
  'model.safetensors',
] as const;

export interface PullOptions
  extends Partial<Pick<DownloadOptions, 'timeoutSeconds' | 'token' | 'attempts' | 'backoffSeconds'>> {
  /** Where to put the model folder, or the files (default: the repository's or file's own name, here). */
  readonly output?: string;
  /** Files of the repository to fetch instead of a model folder. */
  readonly files?: readonly string[];
  /** SHA-256 of the one file that is fetched. */
  readonly sha256?: string;
  /** Base URL of the hub. */
  readonly hub?: string;
  /** Where downloads are kept. */
  readonly cache?: string;
  /** Use the cache alone. */
  readonly offline?: boolean;
  /** Leave no second copy in the cache. */
  readonly moves?: boolean;
  /** Hears what a model folder is before its weights are fetched. */
  readonly onModel?: (model: OfferedModel) => void;
  /** Hears of each file's progress. */
  readonly onProgress?: (file: string, bytes: number, total: number | undefined) => void;
}

/** What a hub says of a model. */
export interface OfferedModel {
  /** Of all its files together. */
  readonly bytes: number;
  /** Under which the weights may be used, in words; undefined where nobody says. */
  readonly license?: string;
}

export interface Pulled {
  /** The model folder, or the folder or file that was written. */
  readonly output: string;
  readonly files: readonly string[];
}

interface Fetch {
  readonly url: string;
  readonly name: string;
  readonly size?: number;
  readonly checksum?: Checksum;
  /** Whether the cache's copy may be old: what has no checksum is fetched anew. */
  readonly changes?: boolean;
  readonly maxBytes?: number;
}

/** A file in the cache, fetched if need be. */
async function fetchFile(
  { url, name, size, checksum, maxBytes, changes = checksum === undefined }: Fetch,
  options: PullOptions,
): Promise<string> {
  const path = cachePath(options.cache ?? cacheFolder(), url);
  const known = existsSync(path);
  const isRight = async () =>
    !checksum || (await fileChecksum(path, checksum.kind)) === checksum.hex.toLowerCase();
  if (known && (options.offline || !changes) && (await isRight())) return path;
  if (options.offline) throw new InputError(`${url}: not in the cache, and --offline forbids to download it`);
  await download(url, path, {
    timeoutSeconds: DEFAULT_TIMEOUT_SECONDS,
    ...options,
    ...(size !== undefined && { size }),
    ...(maxBytes !== undefined && { maxBytes }),
    ...(checksum && { checksum }),
    onProgress: (bytes, total) => options.onProgress?.(name, bytes, total),
  });
  return path;
}

function copy(from: string, to: string): void {
  makeFolder(dirname(to));
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
}

/** As {@link copy} for a copy that is to go: it takes no space meanwhile where the system can. */
function link(from: string, to: string): void {
  makeFolder(dirname(to));
  try {
    linkSync(from, to);
  } catch {
    copy(from, to);
  }
}

async function listRepository(repository: HubRepository, options: PullOptions): Promise<readonly HubFile[]> {
  const url = listingUrl(repository);
  const path = await fetchFile(
    { url, name: 'list of files', changes: true, maxBytes: MAX_LISTING_BYTES },
    options,
  );
  if (statSync(path).size > MAX_LISTING_BYTES)
    throw new InputError(`${url}: the list of files is longer than ${MAX_LISTING_BYTES} bytes`);
  return parseListing(readFileSync(path, 'utf8'), url);
}

/** @throws InputError when the listing has a wanted file twice, or two that some file systems take for one. */
function requireUnambiguous(list: readonly HubFile[], wanted: readonly string[], name: string): void {
  const taken = new Set(wanted);
  const twice = collidingPaths(list.flatMap(({ path }) => (taken.has(path) ? [path] : [])));
  if (twice)
    throw new InputError(
      `${name}: its list of files has ${twice[0] === twice[1] ? `'${twice[0]}' twice` : `both '${twice[0]}' and '${twice[1]}'`}; name one with --file`,
    );
}

async function pullRepository(repository: HubRepository, options: PullOptions): Promise<Pulled> {
  const list = await listRepository(repository, options);
  const listed = new Map(list.map((file) => [file.path, file]));
  const wanted = [...new Set(options.files ?? MODEL_FILES.filter((path) => listed.has(path)))];
  requireUnambiguous(list, wanted, repository.name);
  for (const path of wanted)
    if (!isInnerPath(path) || !listed.has(path))
      throw new InputError(
        `${repository.name}: there is no file '${path}'; it holds ${[...listed.keys()].slice(0, 20).join(', ') || 'none'}`,
      );
  if (!options.files && !(wanted.includes('config.json') && wanted.includes('model.safetensors')))
    throw new InputError(
      `${repository.name}: not a model folder (no config.json and model.safetensors); name its weight files with --file, then use arpg import`,
    );
  const output = options.output ?? basename(repository.name);
  const fetchListed = (path: string): Promise<string> => {
    const { size, checksum } = listed.get(path)!;
    const url = fileUrl(repository, path);
    return fetchFile({ url, name: path, size, ...(checksum && { checksum }) }, options);
  };
  const fetched: string[] = [];
  await writeFolderAtomically(output, async (partial) => {
    if (!options.files && options.onModel) {
      const bytes = wanted.reduce((sum, path) => sum + listed.get(path)!.size, 0);
      const small = wanted.filter((path) => path in LICENSES && listed.get(path)!.size <= MAX_CARD_BYTES);
      const licenses: (string | undefined)[] = [];
      for (const path of small)
        licenses.push(LICENSES[path]!.exec(readFileSync(await fetchListed(path), 'utf8'))?.[1]?.trim());
      const license = licenses.find((stated) => stated !== undefined);
      options.onModel({ bytes, ...(license !== undefined && { license }) });
    }
    for (const path of wanted) {
      const file = await fetchListed(path);
      (options.moves ? link : copy)(file, join(partial, path));
      fetched.push(file);
    }
    if (!options.files) checkModel(partial, repository.name);
  });
  if (options.moves) for (const file of fetched) rmSync(file, { force: true });
  return { output, files: wanted.map((path) => join(output, path)) };
}

/** How a model's files state its licence, the one that counts first. */
const LICENSES: Readonly<Record<string, RegExp>> = {
  'config.json': /"license"\s*:\s*"([^"]{1,200})"/,
  'README.md': /^license:\s*"?([^"\n]{1,200})/m,
};
const MAX_CARD_BYTES = 2 ** 20;

/** @throws InputError when what came is no model that can be opened. */
function checkModel(folder: string, name: string): void {
  try {
    if (existsSync(join(folder, 'tokenizer'))) openTokenizer(folder);
    if (findTokenizer(readModelConfig(join(folder, CONFIG_FILE)).architecture)) openTokenizer(folder);
    else openGenerator(folder);
  } catch (error) {
    const reason = (error as Error).message.replaceAll(`${folder}/`, '');
    throw new InputError(`${name}: what came is not a usable model: ${reason}`, error);
  }
}

async function pullFile(url: string, { token: _, ...options }: PullOptions): Promise<Pulled> {
  // The token is the hub's alone.
  const output = options.output ?? basename(new URL(url).pathname);
  if (output === '') throw new UsageError(`${url} names no file: say with -o what to call it`);
  const checksum =
    options.sha256 === undefined ? {} : { checksum: { kind: 'sha256', hex: options.sha256 } as const };
  const cached = await fetchFile({ url, name: basename(output), ...checksum }, options);
  await writeOutputFile(output, createReadStream(cached));
  return { output, files: [output] };
}

/** Fetches a file that arpg knows into the cache, and copies it where asked. */
async function pullKnownFile(
  name: string,
  { url, sha256 }: KnownFile,
  { token: _, ...options }: PullOptions,
): Promise<Pulled> {
  if (options.sha256 !== undefined || options.files !== undefined)
    throw new UsageError(`'${name}' is one file, whose checksum is known: leave out --file and --sha256`);
  if (options.output !== undefined) return pullFile(url, { ...options, sha256 });
  const output = await fetchFile({ url, name, checksum: { kind: 'sha256', hex: sha256 } }, options);
  return { output, files: [output] };
}

/** The longest that timers wait. */
const MAX_TIMEOUT_SECONDS = 2_147_483;
const TEXT_OPTIONS = ['output', 'sha256', 'hub', 'cache', 'token'] as const;

/** @throws UsageError naming the option that is none, as callers of JavaScript may pass. */
function requireOptions(options: PullOptions): void {
  const { timeoutSeconds, attempts, backoffSeconds, files } = options;
  if (timeoutSeconds !== undefined)
    requireNoFault(faultOfNumber(timeoutSeconds, 'timeoutSeconds', 0.001, MAX_TIMEOUT_SECONDS));
  if (attempts !== undefined) requireNoFault(faultOfWhole(attempts, 'attempts', 1));
  if (backoffSeconds !== undefined)
    requireNoFault(faultOfNumber(backoffSeconds, 'backoffSeconds', 0, MAX_TIMEOUT_SECONDS));
  for (const name of TEXT_OPTIONS)
    if (options[name] !== undefined && typeof options[name] !== 'string')
      throw new UsageError(`${name} ${String(options[name])} is not a text`);
  const isList = Array.isArray(files) && files.length > 0 && files.every((file) => typeof file === 'string');
  if (files !== undefined && !isList) throw new UsageError('files must be an array of names, at least one');
}

/**
 * Fetches a model folder or published weights.
 * @param source `owner/name` or `owner/name@revision` of a hub, the URL of one file, or a name of `KNOWN_FILES`
 * @throws UsageError for what is neither, NetworkError when the server cannot be reached or does not answer as it should,
 *   InputError when the source or its content is at fault, OutputError when it cannot be written.
 */
export async function pull(source: string, options: PullOptions = {}): Promise<Pulled> {
  if (typeof source !== 'string') throw new UsageError(`source ${String(source)} is not a text`);
  requireOptions(options);
  if (options.sha256 !== undefined && !isHex(options.sha256, 'sha256'))
    throw new UsageError(`--sha256 ${options.sha256} is not 64 hexadecimal digits`);
  const known = knownFile(source);
  if (known) return pullKnownFile(source, known, options);
  if (/^https?:\/\//.test(source) && URL.canParse(source)) return pullFile(source, options);
  const repository = parseRepository(source, options.hub ?? DEFAULT_HUB);
  if (!repository)
    throw new UsageError(`'${source}' is neither an http(s) URL nor a repository such as owner/name`);
  if (options.sha256 !== undefined)
    throw new UsageError('--sha256 is for one file by its URL; repositories state their own checksums');
  return pullRepository(repository, options);
}

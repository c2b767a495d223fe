import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fingerprint, STRAY_NAMES } from '../data/fingerprint.js';
import { InputError } from '../errors.js';

/** The settings that name files or folders, with what messages call them. */
const PATH_SETTINGS = {
  data: 'data',
  tokenizer: 'tokenizer',
  init: 'model to start from',
  perceptual: 'feature network',
} as const;
export type PathSetting = keyof typeof PATH_SETTINGS;
export const PATH_SETTING_NAMES = Object.keys(PATH_SETTINGS) as readonly PathSetting[];

/** What a run keeps about its files: where they are, and what tells whether they are the same. */
export interface RunPaths extends Readonly<Partial<Record<PathSetting, string>>> {
  readonly fingerprints?: Readonly<Partial<Record<PathSetting, string>>> | undefined;
}

/** Files that a model is made of; its card and pictures may change. */
const MODEL_FILES = /^(config\.json|model\.safetensors|tokenizer)$/;

function fingerprintOf(name: PathSetting, path: string): string {
  const isModel = name === 'tokenizer' || name === 'init';
  return fingerprint(path, (file) => (isModel ? MODEL_FILES.test(file) : !STRAY_NAMES.test(file)));
}

/** The settings with paths that hold from any working directory, and the fingerprints of what lies there. */
export function withResolvedPaths<T extends RunPaths>(settings: T): T {
  const named = PATH_SETTING_NAMES.flatMap((name) => {
    const path = settings[name];
    return path === undefined || path === '' ? [] : [[name, resolve(path)] as const];
  });
  const fingerprints = Object.fromEntries(named.map(([name, path]) => [name, fingerprintOf(name, path)]));
  return { ...settings, ...Object.fromEntries(named), fingerprints };
}

/**
 * The settings of a run that is taken up again, with files where they are by now.
 * @param moved where the user says that files are now
 * @param isNeeded whether the run still reads them
 * @throws InputError when files are gone or are not those that the run began with.
 */
export function relocatePaths<T extends RunPaths>(
  folder: string,
  settings: T,
  moved: RunPaths,
  isNeeded: (name: PathSetting) => boolean,
): T {
  const source = join(folder, 'run.json');
  const places = PATH_SETTING_NAMES.flatMap((name) => {
    const known = settings[name];
    if (known === undefined || known === '' || !isNeeded(name)) return [];
    const given = moved[name];
    const path = given === undefined ? known : resolve(given);
    const what = PATH_SETTINGS[name];
    if (!existsSync(path))
      throw new InputError(
        given === undefined
          ? `${path}: there is no such file or folder, but ${source} names it as the run's ${what}; if it has moved, add --${name} with its new place`
          : `${given}: no such file or folder`,
      );
    const expected = settings.fingerprints?.[name];
    if (expected !== undefined && fingerprintOf(name, path) !== expected)
      throw new InputError(
        `${path}: the ${what} is not what the run in ${folder} began with; it can't go on with another`,
      );
    return [[name, path] as const];
  });
  return { ...settings, ...Object.fromEntries(places) };
}

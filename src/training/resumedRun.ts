import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.js';
import { flagOf, type TrainingRequest } from './request.js';
import { readCheckpoint } from './runFolder.js';
import { PATH_SETTING_NAMES, type PathSetting, relocatePaths } from './runPaths.js';
import { settingOf, type SharedRunSettings } from './runSettings.js';
import { hasTokenCache } from './tokenCache.js';

/** A run's settings after what it was resumed with, and what to tell the user about them. */
interface Resumed<T> {
  readonly settings: T;
  readonly notes: readonly string[];
}

const isPath = (field: string): field is PathSetting =>
  (PATH_SETTING_NAMES as readonly string[]).includes(field);

/** A setting's value in words. */
function shown(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? 'none' : value.join(', ');
}

/** A setting of a run, or of its network. */
function settingIn(settings: object, name: string): unknown {
  const { config = {}, ...own } = settings as Readonly<Record<string, unknown>>;
  return own[name] ?? (config as Readonly<Record<string, unknown>>)[name];
}

/** @throws UsageError for a field that asks for something else than what the run began with. */
function requireSameSettings(folder: string, settings: object, request: TrainingRequest): void {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  if (given.some(([field]) => field === 'config'))
    throw new UsageError(
      `--config: the run in ${folder} keeps the sizes that it began with; leave the flag out`,
    );
  for (const [field, value] of given) {
    const known = settingIn(settings, settingOf(field));
    if (known === undefined || field === 'steps' || isPath(field)) continue;
    if (!isDeepStrictEqual(value, known))
      throw new UsageError(
        `--${flagOf(field)} ${shown(value)}: the run in ${folder} began with ${shown(known)}, and would not be the same with another; leave the flag out, or start a new run with --init ${join(folder, 'model')}`,
      );
  }
}

/** @throws UsageError when the run is to end before it has gone through its schedule. */
function extended<T extends SharedRunSettings>(folder: string, settings: T, steps: number): Resumed<T> {
  const decaySteps = settings.decay_steps ?? settings.steps;
  if (steps === settings.steps) return { settings, notes: [] };
  if (steps < settings.steps)
    throw new UsageError(
      `--steps ${steps}: the run in ${folder} has ${settings.steps}, over which its learning rate falls; it can only go on longer`,
    );
  return {
    settings: { ...settings, steps, decay_steps: decaySteps },
    notes: [`the run goes on to step ${steps}, after step ${decaySteps} at its final learning rate`],
  };
}

/**
 * Applies what a run is resumed with: more steps, and new places of files. All else may repeat what the run began with.
 * @throws UsageError for what would make it another run, InputError for files that are gone or others.
 */
export function resumedSettings<T extends SharedRunSettings>(
  folder: string,
  settings: T,
  request: TrainingRequest,
): Resumed<T> {
  requireSameSettings(folder, settings, request);
  const longer =
    request.steps === undefined ? { settings, notes: [] } : extended(folder, settings, request.steps);
  const paths = request as Readonly<Partial<Record<PathSetting, string>>>;
  const moved = Object.fromEntries(
    PATH_SETTING_NAMES.flatMap((name) => (paths[name] === undefined ? [] : [[name, paths[name]]])),
  );
  const isNeeded = (name: PathSetting): boolean => {
    // Images were encoded once and for all, and the first checkpoint holds what training started from.
    if (name === 'data' && hasTokenCache(folder)) return false;
    return name !== 'init' || readCheckpoint(folder) === undefined;
  };
  return { ...longer, settings: relocatePaths(folder, longer.settings, moved, isNeeded) };
}

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  hasTokenCache,
  PATH_SETTING_NAMES,
  type PathSetting,
  readCheckpoint,
  relocatePaths,
  UsageError,
} from '../index.js';
import type { SharedRunSettings } from './trainCommand.js';

/** A run's settings after the flags that came with `--resume`, and what to tell the user about them. */
interface Resumed<T> {
  readonly settings: T;
  readonly notes: readonly string[];
}

/** The setting that a flag sets; flags that are no settings change nothing about the run. */
function settingOf(flag: string): string {
  return flag === 'lr' ? 'learning_rate' : flag.replaceAll('-', '_');
}

const isPath = (flag: string): flag is PathSetting =>
  (PATH_SETTING_NAMES as readonly string[]).includes(flag);

/** @throws UsageError for a flag that asks for something else than what the run began with. */
function requireSameSettings(
  folder: string,
  settings: object,
  flags: Readonly<Record<string, unknown>>,
  given: readonly string[],
): void {
  if (given.includes('config'))
    throw new UsageError(
      `--config: the run in ${folder} keeps the sizes that it began with; leave the flag out`,
    );
  for (const flag of given) {
    const known = (settings as Readonly<Record<string, unknown>>)[settingOf(flag)];
    if (known === undefined || flag === 'steps' || isPath(flag)) continue;
    const value = typeof known === 'number' ? Number(flags[flag]) : flags[flag];
    if (!isDeepStrictEqual(value, known))
      throw new UsageError(
        `--${flag} ${String(flags[flag])}: the run in ${folder} began with ${String(known)}, and would not be the same with another; leave the flag out, or start a new run with --init ${join(folder, 'model')}`,
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
    notes: [
      `the run goes on to step ${steps}, after step ${decaySteps} at its final learning rate of ${settings.learning_rate / 10}`,
    ],
  };
}

/**
 * Applies the flags that came with `--resume`: more steps, and new places of files. Others may repeat what the run
 * began with.
 * @throws UsageError for flags that would make it another run, InputError for files that are gone or others.
 */
export function resumedSettings<T extends SharedRunSettings>(
  folder: string,
  settings: T,
  flags: Readonly<Record<string, unknown>> & { readonly steps: number },
  given: readonly string[],
): Resumed<T> {
  requireSameSettings(folder, settings, flags, given);
  const longer = given.includes('steps') ? extended(folder, settings, flags.steps) : { settings, notes: [] };
  const moved = Object.fromEntries(
    PATH_SETTING_NAMES.filter((name) => given.includes(name)).map((name) => [name, flags[name] as string]),
  );
  const isNeeded = (name: PathSetting): boolean => {
    // Images were encoded once and for all, and the first checkpoint holds what training started from.
    if (name === 'data' && hasTokenCache(folder)) return false;
    return name !== 'init' || readCheckpoint(folder) === undefined;
  };
  return { ...longer, settings: relocatePaths(folder, longer.settings, moved, isNeeded) };
}

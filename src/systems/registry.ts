import { UsageError } from '../errors.js';
import { system as arpg } from './arpg.js';
import { system as llamaGen } from './llamaGen.js';
import { system as mar } from './mar.js';
import { system as maskGit } from './maskGit.js';
import { system as nar } from './nar.js';
import { system as par } from './par.js';
import { system as randAr } from './randAr.js';
import type { System } from './system.js';
import { system as varSystem } from './var.js';

/** All systems, the default first. */
export const SYSTEMS: readonly System[] = [arpg, llamaGen, randAr, par, nar, maskGit, varSystem, mar];

/** The system of models that do not say which they are. */
export const DEFAULT_SYSTEM = SYSTEMS[0]!;

export const SYSTEM_NAMES: readonly string[] = SYSTEMS.map(({ name }) => name);

/** The system of a name; undefined where there is none. */
export function findSystem(name: string): System | undefined {
  return SYSTEMS.find((system) => system.name === name);
}

/** @throws UsageError listing the systems when there is none of that name. */
export function requireSystem(name: string): System {
  const system = findSystem(name);
  if (!system) throw new UsageError(`system '${name}' is unknown; there are ${SYSTEM_NAMES.join(', ')}`);
  return system;
}

/** The published configurations of all systems by name. */
export const SYSTEM_PRESETS: ReadonlyMap<string, { readonly system: System; readonly config: object }> =
  new Map(
    SYSTEMS.flatMap((system) =>
      Object.entries(system.config.presets).map(([name, { config }]) => [name, { system, config }] as const),
    ),
  );

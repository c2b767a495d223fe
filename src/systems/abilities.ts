import type { Condition } from '../conditions/condition.js';
import { UsageError } from '../errors.js';
import type { Grid } from '../../graphs/rotary.js';
import type { OrderChoice } from './orders.js';
import { SYSTEMS } from './registry.js';
import type { SettingValues } from '../sampling/request.js';
import { faultOfSettings, filledSettings, flagOfSetting, unknownSetting } from './settings.js';
import type { Abilities, System } from './system.js';

/** What systems may be unable to do, in words. */
const WORDS: Readonly<Record<keyof Abilities, string>> = {
  known: 'draws whole pictures only, and cannot keep parts of one',
  grids: 'draws pictures of its own size only',
  order: 'draws in an order of its own only',
};

/**
 * Refuses what a system cannot do.
 * @throws UsageError naming the systems that can.
 */
export function requireAbility(system: Pick<System, 'can' | 'title'>, ability: keyof Abilities): void {
  if (system.can[ability]) return;
  const able = SYSTEMS.filter(({ can }) => can[ability]).map(({ title }) => title);
  throw new UsageError(`${system.title} ${WORDS[ability]}; use ${able.join(' or ')} for that`);
}

/**
 * Refuses grids that the system cannot draw.
 * @throws UsageError naming the systems that draw others than their own, or what is wrong with the grid.
 */
export function requireGrid<Config extends object>(system: System<Config>, config: Config, grid: Grid): void {
  const own = system.config.facts(config).grid;
  if (grid.height === own.height && grid.width === own.width) return;
  requireAbility(system, 'grids');
  const fault = system.gridFault?.(config, grid);
  if (fault !== undefined)
    throw new UsageError(`${grid.width}×${grid.height} tokens: ${system.title}: ${fault}`);
}

/**
 * Refuses what pictures of a system cannot be asked for.
 * @throws UsageError naming the systems whose can.
 */
export function requireCondition(system: System, { kind }: Condition): void {
  if (system.conditions.includes(kind)) return;
  const able = SYSTEMS.filter(({ conditions }) => conditions.includes(kind)).map(({ title }) => title);
  throw new UsageError(
    `${system.title} draws pictures without a ${kind}; ${able.join(', ')} can be asked for one`,
  );
}

/**
 * Refuses settings that the system does not have, or whose values are out of range.
 * @throws UsageError naming the systems that have the setting.
 */
export function requireSettings(system: System, given: SettingValues): void {
  const unknown = unknownSetting(system.settings, given);
  if (unknown !== undefined) {
    const able = SYSTEMS.filter(({ settings }) => Object.hasOwn(settings, unknown)).map(({ title }) => title);
    const others = able.length > 0 ? `; ${able.join(', ')} can be given one` : '';
    throw new UsageError(`${system.title} has no ${flagOfSetting(unknown).replaceAll('-', ' ')}${others}`);
  }
  const fault = faultOfSettings(system.settings, given);
  if (fault !== undefined) throw new UsageError(fault);
}

/**
 * Refuses an order that the system cannot follow; its own is none.
 * @throws UsageError naming the systems that can.
 */
export function requireOrder(
  system: System,
  config: object,
  grid: Grid,
  chosen: OrderChoice | undefined,
): void {
  if (chosen === undefined) return;
  // Where no order can be given, the system's own does not depend on the picture.
  const draw = { seed: 0, index: 0, purpose: 'order' } as const;
  const own = system.ownOrder?.(config, grid, draw, filledSettings(system.settings));
  const isOwn =
    own !== undefined && chosen !== 'random' && own.every((position, at) => position === chosen[at]);
  if (!isOwn) requireAbility(system, 'order');
}

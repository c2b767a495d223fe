import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../sampling/guidance.js';
import { isPermutation } from '../sampling/order.js';
import { drawSeed } from '../random/draws.js';
import type { SamplingOptions, SettingValues } from '../sampling/request.js';
import type { StepOptions } from '../sampling/sampler.js';
import type { Grid } from '../../graphs/rotary.js';
import { requireOrder, requireSettings } from '../systems/abilities.js';
import type { OrderChoice } from '../systems/orders.js';
import { filledSettings } from '../systems/settings.js';
import type { System } from '../systems/system.js';
import { faultOfNumber, faultOfSeed, faultOfWhole } from '../sampling/settingFaults.js';
import type { GeneratorModel } from '../models/modelFolder.js';
import { UsageError } from '../errors.js';

/** How tokens are sampled; all may be left out. */
export interface SamplingSettings {
  /** Fixes all random choices: a whole number up to 2⁵³ − 1, drawn when left out. */
  readonly seed?: number;
  /** Steps of a whole picture, at most one per token (default: the system's). */
  readonly steps?: number;
  /** How the number of tokens grows from step to step (default: the system's). */
  readonly schedule?: string;
  /** Classifier-free guidance scale ≥ 0; 1 is none (default: the model's, else the system's). */
  readonly guidance?: number;
  /** Whether guidance is the same at all steps or grows from none (default: the system's). */
  readonly guidanceSchedule?: GuidanceSchedule;
  /** Divides the logits; ≥ 0 (default: the model's, else 1). */
  readonly temperature?: number;
  /** Keeps the k most likely tokens; 0 keeps all (default). */
  readonly topK?: number;
  /** Keeps the most likely tokens up to this mass, from 0 to 1 (default: the model's, else 1). */
  readonly topP?: number;
  /** Raster positions in the order to sample, or `random` (default: drawn for each picture, or the system's own). */
  readonly order?: OrderChoice;
  /** Settings that only the model's system has, by their names in camel case, such as `guidanceInterval`. */
  readonly own?: SettingValues;
  /** Ends the work before its next step; it then fails with the signal's reason, and nothing stays in memory. */
  readonly signal?: AbortSignal;
}

/** Settings with nothing left open. */
export interface FullSettings extends SamplingOptions, StepOptions {
  readonly order: OrderChoice | undefined;
  /** The system's own, the defaults filled in. */
  readonly own: SettingValues;
}

/** @throws UsageError when something is wrong. */
export function requireNoFault(fault: string | undefined): void {
  if (fault !== undefined) throw new UsageError(fault);
}

/** @throws UsageError naming the setting when it is none of the values that it may have. */
export function requireOneOf(value: unknown, what: string, values: readonly string[]): void {
  if (typeof value !== 'string' || !values.includes(value))
    throw new UsageError(`${what} ${String(value)} is unknown; use ${values.join(' or ')}`);
}

/** The seed given, or one drawn now. @throws UsageError when it is none. */
export function resolveSeed(seed: number = drawSeed()): number {
  requireNoFault(faultOfSeed(seed));
  return seed;
}

/** Those that are given a value. @throws UsageError for what callers of JavaScript may pass instead of an object. */
function givenSettings(own: unknown = {}): SettingValues {
  if (typeof own !== 'object' || own === null || Array.isArray(own))
    throw new UsageError(`own ${String(own)} is not an object of settings`);
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

/** @throws UsageError for a schedule that a system does not take. */
function requireSchedule({ title, choices }: System, schedule: unknown): void {
  if (typeof schedule !== 'string' || !choices.schedules.includes(schedule))
    throw new UsageError(`schedule ${String(schedule)}: ${title} takes ${choices.schedules.join(' or ')}`);
}

/** @throws UsageError for filters of likely tokens where a system draws vectors, which are none of several. */
function requireNoFilters({ title, codes }: System, { topK = 0, topP = 1 }: SamplingSettings): void {
  if (codes !== 'vectors') return;
  const asked = topK !== 0 ? 'top-k' : topP !== 1 ? 'top-p' : undefined;
  if (asked !== undefined)
    throw new UsageError(`${asked}: ${title} draws vectors, not tokens of a codebook; leave it out`);
}

/** @throws UsageError for steps that a system does not take. */
function requireSteps({ title, choices }: System, steps: unknown, own: number, positions: number): void {
  if (!choices.steps && steps !== own)
    throw new UsageError(
      `steps ${String(steps)}: ${title} takes ${own} steps for ${positions} tokens; leave them out`,
    );
  if (faultOfWhole(steps, 'steps', 1, positions))
    throw new UsageError(`steps ${String(steps)}: the model has ${positions} tokens; use 1 to ${positions}`);
}

/**
 * Fills in the defaults.
 * @param model the system, its configuration, and what suits the model
 * @param grid the tokens to draw
 * @throws UsageError naming the setting that is out of range, or that the system does not take.
 */
export function resolveSettings(
  settings: SamplingSettings,
  { system, config, sampling: suited = {} }: Pick<GeneratorModel, 'system' | 'config' | 'sampling'>,
  grid: Grid,
): FullSettings {
  const positions = grid.height * grid.width;
  const given = givenSettings(settings.own);
  requireSettings(system, given);
  const own = filledSettings(system.settings, given);
  const usual = system.defaults(config, grid, own);
  const { steps = usual.steps, order, topK = 0, signal } = settings;
  const { schedule = usual.schedule, guidanceSchedule = usual.guidanceSchedule } = settings;
  const guidance = settings.guidance ?? suited.guidance ?? usual.guidance;
  const temperature = settings.temperature ?? suited.temperature ?? 1;
  const topP = settings.topP ?? suited.top_p ?? 1;
  requireSteps(system, steps, usual.steps, positions);
  if (order !== undefined && order !== 'random' && !(Array.isArray(order) && isPermutation(order, positions)))
    throw new UsageError(`the order must hold each position from 0 to ${positions - 1} once`);
  requireOrder(system, config, grid, order);
  requireNoFilters(system, settings);
  requireNoFault(faultOfWhole(topK, 'top-k', 0));
  requireNoFault(faultOfNumber(guidance, 'guidance', 0));
  requireNoFault(faultOfNumber(temperature, 'temperature', 0));
  requireNoFault(faultOfNumber(topP, 'top-p', 0, 1));
  if (system.choices.schedules.length > 0) requireSchedule(system, schedule);
  else if (settings.schedule !== undefined)
    throw new UsageError(`schedule ${String(schedule)}: ${system.title} has none to choose; leave it out`);
  requireOneOf(guidanceSchedule, 'guidance schedule', GUIDANCE_SCHEDULES);
  requireNoFault(system.choiceFault?.(config, grid, { steps, schedule, own, order }));
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new UsageError('signal is not an AbortSignal');
  return {
    seed: resolveSeed(settings.seed),
    ...{ steps, schedule, guidance, guidanceSchedule, temperature, topK, topP, order, own },
    ...(signal && { signal }),
  };
}

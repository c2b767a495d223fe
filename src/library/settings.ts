import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../sampling/guidance.js';
import { isPermutation } from '../sampling/order.js';
import { drawSeed } from '../random/draws.js';
import type { SamplingOptions } from '../sampling/sampler.js';
import { type Schedule, SCHEDULES } from '../sampling/schedule.js';
import { faultOfNumber, faultOfSeed, faultOfWhole } from '../sampling/settingFaults.js';
import type { SamplingDefaults } from '../models/modelConfig.js';
import { UsageError } from '../errors.js';

/** Steps where none are given: the paper's best setting, or every token by itself in a small model. */
export const DEFAULT_STEPS = 64;
export const DEFAULT_GUIDANCE = 4;

/** How tokens are sampled; all may be left out. */
export interface SamplingSettings {
  /** Fixes all random choices: a whole number up to 2⁵³ − 1, drawn when left out. */
  readonly seed?: number;
  /** Steps of a whole picture, at most one per token (default 64, or as many as there are tokens). */
  readonly steps?: number;
  /** How the number of tokens grows from step to step (default `arccos`). */
  readonly schedule?: Schedule;
  /** Classifier-free guidance scale ≥ 0; 1 is none (default: the model's, else 4). */
  readonly guidance?: number;
  /** Whether guidance is the same at all steps or grows from 1 (default `linear`). */
  readonly guidanceSchedule?: GuidanceSchedule;
  /** Divides the logits; ≥ 0 (default: the model's, else 1). */
  readonly temperature?: number;
  /** Keeps the k most likely tokens; 0 keeps all (default). */
  readonly topK?: number;
  /** Keeps the most likely tokens up to this mass, from 0 to 1 (default: the model's, else 1). */
  readonly topP?: number;
  /** Raster positions in the order to sample; drawn for each picture when left out. */
  readonly order?: readonly number[];
  /** Ends the work before its next step; it then fails with the signal's reason, and nothing stays in memory. */
  readonly signal?: AbortSignal;
}

/** Settings with nothing left open. */
export interface FullSettings extends SamplingOptions {
  readonly steps: number;
  readonly schedule: Schedule;
  readonly order: readonly number[] | undefined;
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

/**
 * Fills in the defaults.
 * @param positions tokens of the grid
 * @param suited what suits the model
 * @throws UsageError naming the setting that is out of range.
 */
export function resolveSettings(
  settings: SamplingSettings,
  positions: number,
  suited: SamplingDefaults = {},
): FullSettings {
  const { steps = Math.min(DEFAULT_STEPS, positions), order, topK = 0, signal } = settings;
  const { schedule = 'arccos', guidanceSchedule = 'linear' } = settings;
  const guidance = settings.guidance ?? suited.guidance ?? DEFAULT_GUIDANCE;
  const temperature = settings.temperature ?? suited.temperature ?? 1;
  const topP = settings.topP ?? suited.top_p ?? 1;
  if (faultOfWhole(steps, 'steps', 1, positions))
    throw new UsageError(`steps ${String(steps)}: the model has ${positions} tokens; use 1 to ${positions}`);
  if (order !== undefined && !(Array.isArray(order) && isPermutation(order, positions)))
    throw new UsageError(`the order must hold each position from 0 to ${positions - 1} once`);
  requireNoFault(faultOfWhole(topK, 'top-k', 0));
  requireNoFault(faultOfNumber(guidance, 'guidance', 0));
  requireNoFault(faultOfNumber(temperature, 'temperature', 0));
  requireNoFault(faultOfNumber(topP, 'top-p', 0, 1));
  requireOneOf(schedule, 'schedule', SCHEDULES);
  requireOneOf(guidanceSchedule, 'guidance schedule', GUIDANCE_SCHEDULES);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new UsageError('signal is not an AbortSignal');
  return {
    seed: resolveSeed(settings.seed),
    ...{ steps, schedule, guidance, guidanceSchedule, temperature, topK, topP, order },
    ...(signal && { signal }),
  };
}

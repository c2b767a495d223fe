import { Flags, type Interfaces } from '@oclif/core';
import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../arpg/guidance.js';
import { readOrder } from '../arpg/orderFile.js';
import type { SamplingOptions } from '../arpg/sampler.js';
import { SCHEDULES, type Schedule } from '../arpg/schedule.js';
import { UsageError } from '../errors.js';

/** Steps where none are given: the paper's best setting, or every token by itself in a small model. */
const DEFAULT_STEPS = 64;

/** Flags of the commands that sample tokens. */
export const samplingFlags = {
  steps: Flags.integer({
    description: `steps of an image (default: ${DEFAULT_STEPS}, at most one per token)`,
    min: 1,
  }),
  schedule: Flags.string({
    description: 'how the number of tokens grows from step to step',
    options: [...SCHEDULES],
    default: 'arccos',
  }),
  guidance: Flags.string({
    description: 'classifier-free guidance scale; 1 is none',
    default: '4',
    helpValue: 'G',
  }),
  'guidance-schedule': Flags.string({
    description: 'whether guidance is the same at all steps or grows from 1',
    options: [...GUIDANCE_SCHEDULES],
    default: 'linear',
  }),
  temperature: Flags.string({ description: 'divides the logits', default: '1', helpValue: 'T' }),
  'top-k': Flags.integer({ description: 'keep the k most likely tokens; 0 keeps all', default: 0, min: 0 }),
  'top-p': Flags.string({
    description: 'keep the most likely tokens up to this mass',
    default: '1',
    helpValue: 'P',
  }),
  order: Flags.string({
    description: 'random, raster, or a JSON file with an array of positions',
    default: 'random',
    helpValue: 'ORDER',
  }),
};

type SamplingFlags = Interfaces.InferredFlags<typeof samplingFlags>;

/** How tokens are sampled, but for the seed. */
export interface SamplingSettings extends Omit<SamplingOptions, 'seed'> {
  readonly schedule: Schedule;
  /** Raster positions in the order to sample; drawn for each image when left out. */
  readonly order: readonly number[] | undefined;
}

/**
 * The settings that the flags ask for.
 * @param positions tokens of the grid
 * @throws UsageError naming the flag whose value is out of range.
 */
export function samplingSettings(flags: SamplingFlags, positions: number): SamplingSettings {
  return {
    schedule: flags.schedule as Schedule,
    guidance: parseNumber(flags.guidance, '--guidance', 0),
    guidanceSchedule: flags['guidance-schedule'] as GuidanceSchedule,
    temperature: parseNumber(flags.temperature, '--temperature', 0),
    topK: flags['top-k'],
    topP: parseNumber(flags['top-p'], '--top-p', 0, 1),
    order: readOrder(flags.order, positions),
  };
}

/**
 * Steps for all tokens of a grid.
 * @throws UsageError when there are more steps than tokens.
 */
export function stepsFor(given: number | undefined, positions: number): number {
  if (given !== undefined && given > positions)
    throw new UsageError(
      `--steps ${given} is more than the model's ${positions} tokens; use 1 to ${positions}`,
    );
  return given ?? Math.min(DEFAULT_STEPS, positions);
}

/**
 * A flag's value as a number.
 * @throws UsageError when it is none, or out of range.
 */
export function parseNumber(text: string, flag: string, min: number, max = Number.POSITIVE_INFINITY): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max)
    throw new UsageError(
      `${flag} ${text} is not a number ${max === Number.POSITIVE_INFINITY ? `≥ ${min}` : `from ${min} to ${max}`}`,
    );
  return value;
}

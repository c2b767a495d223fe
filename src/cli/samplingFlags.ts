import { Flags, type Interfaces } from '@oclif/core';
import {
  GUIDANCE_SCHEDULES,
  type GuidanceSchedule,
  readOrder,
  type SamplingSettings,
  SYSTEMS,
} from '../index.js';
import { parseNumber } from './numbers.js';

/** What names a class. */
export const CLASS_DESCRIPTION =
  'class name, or else its index, or else a part of names between slashes, such as a group';

/** The schedules of all systems. */
export const SCHEDULES = [...new Set(SYSTEMS.flatMap(({ choices }) => choices.schedules))];

/** More tokens than any default number of steps. */
const MANY_TOKENS = 256;

/** What each system says, in words: once where all say the same. */
export function bySystem(say: (system: (typeof SYSTEMS)[number], config: object) => string): string {
  const said = SYSTEMS.map((system) => ({
    title: system.title,
    text: say(system, Object.values(system.config.presets)[0]!.config),
  }));
  const texts = [...new Set(said.map(({ text }) => text))];
  if (texts.length === 1) return texts[0]!;
  return texts
    .map((text) => {
      const titles = said.filter((own) => own.text === text).map(({ title }) => title);
      return `${text} for ${titles.join(', ')}`;
    })
    .join('; ');
}

/** Flags of the commands that sample tokens. */
export const samplingFlags = {
  steps: Flags.integer({
    description: `steps of an image, at most one per token (default: ${bySystem(
      ({ choices, defaults }, config) =>
        choices.steps ? String(defaults(config, MANY_TOKENS).steps) : 'one per token',
    )})`,
    min: 1,
  }),
  schedule: Flags.string({
    description: 'how the number of tokens grows from step to step',
    options: SCHEDULES,
    defaultHelp: async () =>
      bySystem(({ defaults }, config) => defaults(config, MANY_TOKENS).schedule || 'none'),
  }),
  guidance: Flags.string({
    description: `classifier-free guidance scale G; 1 is none (default: the model's, else the system's); it counts as ${bySystem(({ choices }) => choices.guidance)}`,
    helpValue: 'G',
  }),
  'guidance-schedule': Flags.string({
    description: 'whether guidance is the same at all steps or grows from 1 to G',
    options: [...GUIDANCE_SCHEDULES],
    defaultHelp: async () =>
      bySystem(({ defaults }, config) => defaults(config, MANY_TOKENS).guidanceSchedule),
  }),
  temperature: Flags.string({
    description: "divides the logits (default: the model's, else 1)",
    helpValue: 'T',
  }),
  'top-k': Flags.integer({ description: 'keep the k most likely tokens; 0 keeps all', default: 0, min: 0 }),
  'top-p': Flags.string({
    description: "keep the most likely tokens up to this mass (default: the model's, else 1)",
    helpValue: 'P',
  }),
  order: Flags.string({
    description:
      "random, raster, or a JSON file with an array of positions (default: random, or the system's own)",
    helpValue: 'ORDER',
  }),
};

type SamplingFlags = Interfaces.InferredFlags<typeof samplingFlags>;

/**
 * The settings that the flags ask for.
 * @param positions tokens of the grid
 * @throws UsageError naming the flag whose value is out of range.
 */
export function samplingSettings(flags: SamplingFlags, positions: number): SamplingSettings {
  const order = flags.order === undefined ? undefined : readOrder(flags.order, positions);
  return {
    ...(flags.steps !== undefined && { steps: flags.steps }),
    ...(flags.schedule !== undefined && { schedule: flags.schedule }),
    ...(flags.guidance !== undefined && {
      guidance: parseNumber(flags.guidance, '--guidance', { min: 0 }),
    }),
    ...(flags['guidance-schedule'] !== undefined && {
      guidanceSchedule: flags['guidance-schedule'] as GuidanceSchedule,
    }),
    ...(flags.temperature !== undefined && {
      temperature: parseNumber(flags.temperature, '--temperature', { min: 0 }),
    }),
    topK: flags['top-k'],
    ...(flags['top-p'] !== undefined && { topP: parseNumber(flags['top-p'], '--top-p', { min: 0, max: 1 }) }),
    ...(order && { order }),
  };
}

import { Flags, type Interfaces } from '@oclif/core';
import {
  filledSettings,
  flagOfSetting,
  GUIDANCE_SCHEDULES,
  type GuidanceSchedule,
  readOrder,
  type SamplingSettings,
  type SettingValues,
  SYSTEMS,
  type SystemSetting,
} from '../index.js';
import { GROUPS } from './flagGroups.js';
import { parseNumber } from './numbers.js';

/** What names a class. */
export const CLASS_DESCRIPTION =
  'class name, or else its index, or else a part of names between slashes, such as a group, or another name that the model knows';

/** The schedules of all systems. */
export const SCHEDULES = [...new Set(SYSTEMS.flatMap(({ choices }) => choices.schedules))];

/** A grid of more tokens than most default numbers of steps. */
const USUAL_GRID = { height: 16, width: 16 };

type AnySystem = (typeof SYSTEMS)[number];

/** How a system samples where nothing is said. */
const usualOf = (system: AnySystem, config: object) =>
  system.defaults(config, USUAL_GRID, filledSettings(system.settings));

/** What each system says, in words: alone what most say, then the others by name, as in `1 (0 for MaskGIT)`. */
export function bySystem(say: (system: AnySystem, config: object) => string): string {
  const said = SYSTEMS.map((system) => ({
    title: system.title,
    text: say(system, Object.values(system.config.presets)[0]!.config),
  }));
  const titlesOf = (text: string) => said.filter((own) => own.text === text).map(({ title }) => title);
  const texts = [...new Set(said.map(({ text }) => text))];
  const usual = texts.find((text) => 2 * titlesOf(text).length > said.length);
  const others = texts
    .filter((text) => text !== usual)
    .map((text) => `${text} for ${titlesOf(text).join(', ')}`)
    .join('; ');
  if (usual === undefined) return others;
  return others === '' ? usual : `${usual} (${others})`;
}

/** Flags of the commands that sample tokens. */
export const samplingFlags = {
  steps: Flags.integer({
    helpGroup: GROUPS.sampling,
    description: `steps of an image, at most one per token (default: ${bySystem((system, config) =>
      system.choices.steps ? String(usualOf(system, config).steps) : (system.choices.fixedSteps ?? ''),
    )})`,
    min: 1,
  }),
  schedule: Flags.string({
    helpGroup: GROUPS.sampling,
    description: 'how the number of tokens grows from step to step',
    options: SCHEDULES,
    defaultHelp: async () => bySystem((system, config) => usualOf(system, config).schedule || 'none'),
  }),
  guidance: Flags.string({
    helpGroup: GROUPS.sampling,
    description: `classifier-free guidance scale G; it counts as ${bySystem(({ choices }) => choices.guidance)} (default: the model's, else the system's); none is ${bySystem(({ noGuidance }) => String(noGuidance))}`,
    helpValue: 'G',
  }),
  'guidance-schedule': Flags.string({
    helpGroup: GROUPS.sampling,
    description: 'whether guidance is the same at all steps or grows from none to G',
    options: [...GUIDANCE_SCHEDULES],
    defaultHelp: async () => bySystem((system, config) => usualOf(system, config).guidanceSchedule),
  }),
  temperature: Flags.string({
    helpGroup: GROUPS.sampling,
    description: "divides the logits (default: the model's, else 1)",
    helpValue: 'T',
  }),
  'top-k': Flags.integer({
    helpGroup: GROUPS.sampling,
    description: 'keep the k most likely tokens; 0, the default, keeps all',
    min: 0,
  }),
  'top-p': Flags.string({
    helpGroup: GROUPS.sampling,
    description: "keep the most likely tokens up to this mass (default: the model's, else 1)",
    helpValue: 'P',
  }),
  order: Flags.string({
    helpGroup: GROUPS.sampling,
    description:
      "random, raster, or a JSON file with an array of positions (default: random, or the system's own)",
    helpValue: 'ORDER',
  }),
};

/** A setting, and the titles of the systems that have it. */
interface NamedSetting {
  readonly setting: SystemSetting;
  readonly titles: readonly string[];
}

/** The settings that only some systems have, by name. */
const OWN_SETTINGS: ReadonlyMap<string, NamedSetting> = new Map(
  SYSTEMS.flatMap(({ settings }) => Object.entries(settings)).map(([name, setting]) => [
    name,
    { setting, titles: SYSTEMS.filter(({ settings }) => name in settings).map(({ title }) => title) },
  ]),
);

function flagOf({ setting, titles }: NamedSetting) {
  const usual = setting.default === undefined ? '' : `; default: ${String(setting.default)}`;
  const common = {
    description: `${setting.description} (${titles.join(', ')}${usual})`,
    helpGroup: GROUPS.systems,
  };
  switch (setting.kind) {
    case 'flag':
      return Flags.boolean({ ...common, allowNo: true });
    case 'choice':
      return Flags.string({ ...common, options: [...setting.values] });
    case 'text':
      return Flags.string({ ...common, helpValue: setting.placeholder });
    case 'whole':
      return Flags.integer({ ...common, min: setting.min });
    case 'number':
      return Flags.string({ ...common, helpValue: 'X' });
  }
}

/** A flag for each setting that only some systems have. */
export const ownFlags = Object.fromEntries(
  [...OWN_SETTINGS].map(([name, own]) => [flagOfSetting(name), flagOf(own)]),
);

/**
 * The settings of a system's own that flags give; which of them a system takes, is asked when they are used.
 * @throws UsageError naming the flag whose value is no number.
 */
export function ownSettings(flags: Readonly<Record<string, unknown>>): SettingValues {
  const given = [...OWN_SETTINGS].flatMap(([name, { setting }]) => {
    const flag = flagOfSetting(name);
    const value = flags[flag];
    if (value === undefined) return [];
    const isText = setting.kind === 'number';
    return [[name, isText ? parseNumber(String(value), `--${flag}`, setting) : value] as const];
  });
  return Object.fromEntries(given) as SettingValues;
}

type SamplingFlags = Interfaces.InferredFlags<typeof samplingFlags>;

/**
 * The settings that the flags ask for.
 * @param positions tokens of the grid
 * @throws UsageError naming the flag whose value is out of range.
 */
export function samplingSettings(flags: Partial<SamplingFlags>, positions: number): SamplingSettings {
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
    ...(flags['top-k'] !== undefined && { topK: flags['top-k'] }),
    own: ownSettings(flags),
    ...(flags['top-p'] !== undefined && { topP: parseNumber(flags['top-p'], '--top-p', { min: 0, max: 1 }) }),
    ...(order && { order }),
  };
}

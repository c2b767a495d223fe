import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../sampling/guidance.js';
import { rasterOrder } from '../sampling/order.js';
import type { SettingValues } from '../sampling/request.js';
import type { OrderChoice } from '../systems/orders.js';
import { SYSTEMS } from '../systems/registry.js';
import { flagOfSetting, type SystemSetting } from '../systems/settings.js';
import { choiceSchema, type FieldSchema, wholeSchema } from './schemaFields.js';
import type { FullSettings, SamplingSettings } from './settings.js';

/** Settings of sampling under the names of their flags, as files hold them. */
export interface SettingFields {
  readonly steps?: number;
  readonly schedule?: string;
  readonly guidance?: number;
  readonly 'guidance-schedule'?: GuidanceSchedule;
  readonly temperature?: number;
  readonly 'top-k'?: number;
  readonly 'top-p'?: number;
  /** A file of an order is never named: what holds the settings may come from anywhere. */
  readonly order?: 'raster' | OrderChoice;
  /** Settings of a system's own. */
  readonly [own: string]: unknown;
}

/** The most positions of an order: as many as a picture has tokens. */
const MAX_POSITIONS = 1 << 16;

function schemaOf(setting: SystemSetting): FieldSchema {
  switch (setting.kind) {
    case 'flag':
      return { type: 'boolean' };
    case 'choice':
      return choiceSchema(setting.values);
    case 'text':
      return { type: 'string', maxLength: setting.maxLength };
    case 'whole':
    case 'number':
      return {
        type: setting.kind === 'whole' ? 'integer' : 'number',
        minimum: setting.min,
        ...(setting.max !== undefined && { maximum: setting.max }),
      };
  }
}

/** The settings that only some systems have, by the names of their flags. */
const OWN_NAMES: ReadonlyMap<string, string> = new Map(
  SYSTEMS.flatMap(({ settings }) => Object.keys(settings)).map((name) => [flagOfSetting(name), name]),
);
const schedules = [...new Set(SYSTEMS.flatMap(({ choices }) => choices.schedules))];

/** JSON schemas of the fields, by name. */
export const SETTING_SCHEMAS: FieldSchema = {
  ...Object.fromEntries(
    SYSTEMS.flatMap(({ settings }) => Object.entries(settings)).map(([name, setting]) => [
      flagOfSetting(name),
      schemaOf(setting),
    ]),
  ),
  steps: wholeSchema(1, MAX_POSITIONS),
  schedule: choiceSchema(schedules),
  guidance: { type: 'number', minimum: 0 },
  'guidance-schedule': choiceSchema(GUIDANCE_SCHEDULES),
  temperature: { type: 'number', minimum: 0 },
  'top-k': wholeSchema(0),
  'top-p': { type: 'number', minimum: 0, maximum: 1 },
  order: {
    anyOf: [
      choiceSchema(['random', 'raster']),
      {
        type: 'array',
        maxItems: MAX_POSITIONS,
        items: wholeSchema(0, MAX_POSITIONS - 1),
      },
    ],
  },
};

/**
 * What fields ask for; whether the model takes it, is asked when it is used.
 * @param fields that fit {@link SETTING_SCHEMAS}
 * @param positions tokens of the grid
 */
export function settingsOfFields(fields: SettingFields, positions: number): SamplingSettings {
  const { steps, schedule, guidance, temperature, order } = fields;
  const own = [...OWN_NAMES].flatMap(([flag, name]) =>
    fields[flag] === undefined ? [] : [[name, fields[flag]] as const],
  );
  return {
    ...(steps !== undefined && { steps }),
    ...(schedule !== undefined && { schedule }),
    ...(guidance !== undefined && { guidance }),
    ...(fields['guidance-schedule'] !== undefined && { guidanceSchedule: fields['guidance-schedule'] }),
    ...(temperature !== undefined && { temperature }),
    ...(fields['top-k'] !== undefined && { topK: fields['top-k'] }),
    ...(fields['top-p'] !== undefined && { topP: fields['top-p'] }),
    ...(order !== undefined && { order: order === 'raster' ? rasterOrder(positions) : order }),
    own: Object.fromEntries(own) as SettingValues,
  };
}

/** The fields of settings with nothing left open. */
export function fieldsOfSettings(settings: FullSettings): SettingFields {
  const { steps, schedule, guidance, guidanceSchedule, temperature, topK, topP, order, own } = settings;
  return {
    steps,
    // Some systems have none to choose.
    ...(schedule !== '' && { schedule }),
    guidance,
    'guidance-schedule': guidanceSchedule,
    temperature,
    'top-k': topK,
    'top-p': topP,
    ...(order !== undefined && { order }),
    // In an order that does not depend on who gave which.
    ...Object.fromEntries([...OWN_NAMES].flatMap(([flag, name]) => (name in own ? [[flag, own[name]]] : []))),
  };
}

import type { JSONSchemaType } from 'ajv';
import { ROPE_SCALINGS, type RopeScaling } from '../../graphs/rotary.js';
import { MAX_SCALE, SCALE_FILTERS } from '../data/scaleImage.js';
import { InputError, quotable } from '../errors.js';
import { isRecord, JsonError, parseJson } from '../files/jsonText.js';
import { validator } from '../jsonFile.js';
import { didYouMean, nearNames } from '../nearNames.js';
import { choiceSchema, type FieldSchema, wholeSchema } from './schemaFields.js';
import { SETTING_SCHEMAS, type SettingFields } from './settingFields.js';

/** What one line asks for: one picture, under the names of the flags. */
export interface JobFields extends SettingFields {
  /** Where the picture goes, below the folder of `-o`; the extension chooses the format. */
  readonly output: string;
  readonly class?: string | number;
  readonly seed?: number;
  /** Number of the picture under the seed. */
  readonly picture?: number;
  readonly size?: string;
  readonly rope?: RopeScaling;
  readonly scale?: number;
  readonly 'scale-filter'?: string;
  readonly quality?: number;
}

/** A line that was read. */
export interface JobLine {
  /** From 1. */
  readonly number: number;
  /** The file and the line, for messages. */
  readonly place: string;
  readonly fields: JobFields;
}

const MAX_TEXT = 1024;
/** Longer than any line needs to be: the longest has an order of all positions. */
export const MAX_JOB_BYTES = 2 ** 20;

const text = { type: 'string', minLength: 1, maxLength: MAX_TEXT };

const PROPERTIES: FieldSchema = {
  output: text,
  class: { anyOf: [text, wholeSchema(0)] },
  seed: wholeSchema(0),
  picture: wholeSchema(0, 2 ** 32 - 2),
  size: text,
  rope: choiceSchema(ROPE_SCALINGS),
  scale: wholeSchema(1, MAX_SCALE),
  'scale-filter': choiceSchema(SCALE_FILTERS),
  quality: wholeSchema(1, 100),
  ...SETTING_SCHEMAS,
};

const validate = validator<JobFields>({
  type: 'object',
  properties: PROPERTIES,
  required: ['output'],
  additionalProperties: false,
} as unknown as JSONSchemaType<JobFields>);

/**
 * What a line of JSON asks for.
 * @throws InputError naming the place and the field.
 */
export function parseJob(json: string, number: number, source: string): JobLine {
  const place = `${source}: line ${number}`;
  if (Buffer.byteLength(json) > MAX_JOB_BYTES)
    throw new InputError(`${place}: it is longer than ${MAX_JOB_BYTES} bytes`);
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new InputError(`${place}: ${error.message}; expected {"class": 3, "output": "three.png"}`, error);
  }
  if (!isRecord(value))
    throw new InputError(`${place}: not an object; expected {"class": 3, "output": "three.png"}`);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(PROPERTIES, name));
  if (unknown !== undefined) {
    const near = didYouMean(nearNames(unknown.slice(0, MAX_TEXT), Object.keys(PROPERTIES)));
    throw new InputError(
      `${place}: field '${quotable(unknown)}' is unknown; ${near ?? `fields are named as the flags: ${Object.keys(PROPERTIES).join(', ')}`}`,
    );
  }
  return { number, place, fields: validate(value, place) };
}

import type { JSONSchemaType } from 'ajv';
import { ROPE_SCALINGS, type RopeScaling } from '../../graphs/rotary.js';
import { readRecordText } from '../data/pictureNotes.js';
import { MAX_SCALE, SCALE_FILTERS, type Scaling } from '../data/scaleImage.js';
import { InputError } from '../errors.js';
import { isRecord, JsonError, parseJson } from '../files/jsonText.js';
import { validator } from '../jsonFile.js';
import { RUN_PRECISIONS, type RunPrecision } from '../models/precision.js';
import { choiceSchema, type FieldSchema, wholeSchema } from './schemaFields.js';
import { SETTING_SCHEMAS, type SettingFields } from './settingFields.js';

/** Of records as they are now; a picture with a newer one is refused. */
export const RECORD_VERSION = 1;

/** A class by its index, and its name where the model has names. */
export interface RecordedClass {
  readonly index: number;
  readonly name?: string;
}

/** What every record says. */
export interface RecordHead {
  /** Version of the record's form. */
  readonly format: number;
  /** The command that wrote the picture. */
  readonly command: string;
}

/** What the pictures of all commands say that run a model. */
export interface CommonRecord extends RecordHead {
  /** Of the program. */
  readonly version: string;
  /** Its name, and what tells it from others of that name. */
  readonly model: { readonly name: string; readonly sha256: string };
  readonly target: string;
}

/** How pictures of classes were drawn. */
export interface SampleRecord extends CommonRecord {
  readonly precision: RunPrecision;
  readonly seed: number;
  /** Number of the picture under the seed, or of a grid's first. */
  readonly picture: number;
  /** The picture's class, or those of a grid's pictures. */
  readonly classes: readonly RecordedClass[];
  /** Of a grid. */
  readonly columns?: number;
  /** Pixels along each side, where it is not the trained size. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly rope?: RopeScaling;
  readonly scale?: Scaling;
  /** Of JPEG and WebP. */
  readonly quality?: number;
  readonly settings: SettingFields;
}

const MAX_NAME = 1000;
const MAX_SIDE = 65_535;
/** As many as a grid has pictures at most: each has a pixel. */
const MAX_CLASSES = 1 << 16;

const text = { type: 'string', maxLength: MAX_NAME } as const;
const fields = (properties: FieldSchema, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

const parseHead = validator<RecordHead>({
  type: 'object',
  required: ['format', 'command'],
  properties: { format: wholeSchema(1), command: text },
});

const parseSample = validator<SampleRecord>(
  fields(
    {
      format: wholeSchema(1),
      command: text,
      version: text,
      model: fields({ name: text, sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } }),
      target: text,
      precision: choiceSchema(RUN_PRECISIONS),
      seed: wholeSchema(0),
      picture: wholeSchema(0, 2 ** 32 - 1),
      classes: {
        type: 'array',
        minItems: 1,
        maxItems: MAX_CLASSES,
        items: fields({ index: wholeSchema(0), name: text }, ['name']),
      },
      columns: wholeSchema(1, MAX_CLASSES),
      size: fields({ width: wholeSchema(1, MAX_SIDE), height: wholeSchema(1, MAX_SIDE) }),
      rope: choiceSchema(ROPE_SCALINGS),
      scale: fields({ factor: wholeSchema(1, MAX_SCALE), filter: choiceSchema(SCALE_FILTERS) }),
      quality: wholeSchema(1, 100),
      settings: fields(SETTING_SCHEMAS, Object.keys(SETTING_SCHEMAS)),
    },
    ['columns', 'size', 'rope', 'scale', 'quality'],
  ) as unknown as JSONSchemaType<SampleRecord>,
);

function parseRecord(record: string, source: string): unknown {
  try {
    return parseJson(record);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new InputError(`${source}: its settings cannot be used: ${error.message}`, error);
  }
}

/**
 * How a picture was drawn, as its file says: it may come from anywhere, so each field is checked. It names no file.
 * @param source its name, for messages
 * @throws InputError naming what is missing or wrong, also when it was not drawn of classes alone.
 */
export async function readSampleRecord(bytes: Uint8Array, source: string): Promise<SampleRecord> {
  const record = await readRecordText(bytes, source);
  if (record === undefined)
    throw new InputError(
      `${source}: it does not say how it was drawn: only pictures that arpg wrote do, unless with --no-metadata or changed since`,
    );
  const value = parseRecord(record, source);
  const place = `${source}: its settings cannot be used`;
  const { format, command } = parseHead(value, place);
  if (format > RECORD_VERSION)
    throw new InputError(`${source}: it was drawn by a newer version of arpg; update arpg`);
  if (command !== 'sample')
    throw new InputError(
      `${source}: it was not drawn by arpg sample; what other commands write depends on the pictures or tokens that they are given`,
    );
  if (isRecord(value) && Array.isArray(value.classes) && value.classes.length === 0)
    throw new InputError(`${source}: it was drawn without a class, which arpg sample does not do`);
  return parseSample(value, place);
}

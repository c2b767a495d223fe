import type { RopeScaling } from '../../graphs/rotary.js';
import { notesFit, type PictureEncoding, type PictureNotes, type Scaling } from '../data/image.js';
import { precisionOf } from '../models/precision.js';
import { escapeUnit } from '../printable.js';
import { modelName } from './fetchModel.js';
import type { Model } from './model.js';
import { modelDigest } from './modelDigest.js';
import { type CommonRecord, RECORD_VERSION, type RecordedClass, type SampleRecord } from './pictureRecord.js';
import { fieldsOfSettings } from './settingFields.js';
import type { FullSettings } from './settings.js';

/**
 * What all pictures of a command say.
 * @param version of the program
 * @param sha256 the model's digest, where it is known
 */
export async function commonRecord(
  command: string,
  version: string,
  { folder, target }: Pick<Model, 'folder' | 'target'>,
  sha256?: string,
): Promise<CommonRecord> {
  return {
    format: RECORD_VERSION,
    command,
    version,
    model: { name: modelName(folder), sha256: sha256 ?? (await modelDigest(folder)) },
    target: target.name,
  };
}

/** A class as records have it. */
export function recordedClass(index: number, labels: readonly string[]): RecordedClass {
  const name = labels[index];
  return { index, ...(name !== undefined && { name }) };
}

/** What people call a class: its name, else its index. */
export function classTitle({ index, name }: RecordedClass): string {
  return name ?? String(index);
}

/** JSON that any program reads, whatever it takes the text for. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapeUnit);
}

/**
 * The notes of a picture; undefined where a file of the format cannot hold so much.
 * @param what the picture is, on one line
 */
export function notesOf(
  record: CommonRecord,
  what: string,
  encoding: PictureEncoding,
): PictureNotes | undefined {
  const notes = {
    software: `arpg ${record.version}`,
    description: `${what}, model ${record.model.name}`,
    record: asciiJson(record),
  };
  return notesFit(notes, encoding) ? notes : undefined;
}

/** How a picture is written. */
export interface WrittenForm {
  readonly encoding: PictureEncoding;
  /** Of JPEG and WebP, from 1 to 100. */
  readonly quality: number;
  /** Undefined where it is written as large as it was drawn. */
  readonly scale?: Scaling;
}

/** How pictures were drawn and are written, as far as their files say it. */
export interface DrawnHow {
  readonly settings: FullSettings;
  readonly form: WrittenForm;
  /** Pixels of a picture, where they were asked for. */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
  readonly rope: RopeScaling;
}

/**
 * What the files of pictures of classes say of them.
 * @returns a function of the number of a picture and its class, or of a grid's first, their classes and the columns
 */
export function sampleNotes(
  { generator: { labels, weights } }: Pick<Model, 'generator'>,
  common: CommonRecord,
  { settings, form: { encoding, quality, scale }, size, rope }: DrawnHow,
): (picture: number, classIds: readonly number[], columns?: number) => PictureNotes | undefined {
  const precision = precisionOf(weights);
  return (picture, classIds, columns) => {
    const record: SampleRecord = {
      ...common,
      precision,
      seed: settings.seed,
      picture,
      classes: classIds.map((index) => recordedClass(index, labels)),
      ...(columns !== undefined && { columns }),
      ...(size && { size, rope }),
      ...(scale && { scale }),
      ...(encoding !== 'png' && { quality }),
      settings: fieldsOfSettings(settings),
    };
    const [one] = record.classes;
    const what = columns !== undefined ? `${classIds.length} pictures` : one ? classTitle(one) : 'no class';
    return notesOf(record, `${what}, seed ${settings.seed}`, encoding);
  };
}

/** How parts of pictures were drawn anew, as far as the files say it. */
export interface RedrawnHow {
  readonly settings: FullSettings;
  readonly form: WrittenForm;
  readonly feather: number;
}

/**
 * What the files of pictures say of which parts were drawn anew; not the pictures that they were made from.
 * @returns a function of the number of a result and its class
 */
export function redrawNotes(
  { generator: { labels, weights, system } }: Pick<Model, 'generator'>,
  common: CommonRecord,
  { settings, form: { encoding, quality, scale }, feather }: RedrawnHow,
): (result: number, classId: number | null) => PictureNotes | undefined {
  const precision = precisionOf(weights);
  return (result, classId) => {
    const own = classId === null ? undefined : recordedClass(classId, labels);
    const record: CommonRecord & Readonly<Record<string, unknown>> = {
      ...common,
      precision,
      seed: settings.seed,
      picture: result,
      classes: own ? [own] : [],
      feather,
      ...(scale && { scale }),
      ...(encoding !== 'png' && { quality }),
      settings: fieldsOfSettings(own ? settings : { ...settings, guidance: system.noGuidance }),
    };
    const what = own ? `${classTitle(own)}, seed ${settings.seed}` : `seed ${settings.seed}`;
    return notesOf(record, `${common.command} of a picture: ${what}`, encoding);
  };
}

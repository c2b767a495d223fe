import {
  type CommonRecord,
  modelDigest,
  modelName,
  type Model,
  notesFit,
  type PictureEncoding,
  type PictureNotes,
  RECORD_VERSION,
  type RecordedClass,
} from '../index.js';
import { escapeUnit } from '../printable.js';

/** What all pictures of a command say. */
export async function commonRecord(command: string, version: string, model: Model): Promise<CommonRecord> {
  return {
    format: RECORD_VERSION,
    command,
    version,
    model: { name: modelName(model.folder), sha256: await modelDigest(model.folder) },
    target: model.target.name,
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

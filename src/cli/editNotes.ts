import {
  type CommonRecord,
  fieldsOfSettings,
  type InpaintOptions,
  type Model,
  type PictureNotes,
  precisionOf,
  resolveSettings,
} from '../index.js';
import type { OutputChoice, OutputFormat } from './outputFormat.js';
import { classTitle, commonRecord, notesOf, recordedClass } from './pictureNotes.js';

/** How parts of pictures are drawn anew, as far as the files say it. */
export interface EditedHow {
  readonly command: string;
  /** Of the program. */
  readonly version: string;
  readonly options: InpaintOptions;
  readonly choice: OutputChoice<OutputFormat>;
}

/**
 * What the files of results say of them; not the pictures that they were made from.
 * @returns a function of the number of a result and its class
 */
export async function editNotes(
  model: Model,
  { command, version, options, choice }: EditedHow,
): Promise<(result: number, classId: number | null) => PictureNotes | undefined> {
  const common = await commonRecord(command, version, model);
  const { system, labels, weights } = model.generator;
  const resolved = resolveSettings(options, model.generator, model.facts.grid);
  return (result, classId) => {
    const own = classId === null ? undefined : recordedClass(classId, labels);
    const record: CommonRecord & Readonly<Record<string, unknown>> = {
      ...common,
      precision: precisionOf(weights),
      seed: resolved.seed,
      picture: result,
      classes: own ? [own] : [],
      feather: options.feather ?? 0,
      ...(choice.scale && { scale: choice.scale }),
      ...(choice.encoding !== 'png' && { quality: choice.quality }),
      settings: fieldsOfSettings(own ? resolved : { ...resolved, guidance: system.noGuidance }),
    };
    const what = own ? `${classTitle(own)}, seed ${resolved.seed}` : `seed ${resolved.seed}`;
    return notesOf(record, `${command} of a picture: ${what}`, choice.encoding);
  };
}

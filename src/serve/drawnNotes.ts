import {
  commonRecord,
  DEFAULT_QUALITY,
  type Grid,
  type Model,
  type PictureEncoding,
  type PictureNotes,
  redrawNotes,
  resolveSettings,
  sampleNotes,
} from '../index.js';
import type { ServerParts } from './context.js';
import type { DrawnPicture, DrawWork } from './draw.js';

/** What the file of a picture says besides; undefined where it says nothing. */
export type NotesOf = (picture: Pick<DrawnPicture, 'picture' | 'class'>) => PictureNotes | undefined;

/** The grid that settings are for: that of a picture that is drawn whole, else that of a window. */
function gridOf({ facts, tokenizer }: Model, work: DrawWork): Grid {
  if (work.kind !== 'sample' || !work.size) return facts.grid;
  return { width: work.size.width / tokenizer.factor, height: work.size.height / tokenizer.factor };
}

/** What the files of a request's pictures say of how they were drawn, as those of the commands do. */
export async function drawnNotes(
  { models, version }: Pick<ServerParts, 'models' | 'version'>,
  model: Model,
  work: DrawWork,
  encoding: PictureEncoding,
  quality: number = DEFAULT_QUALITY,
): Promise<NotesOf> {
  if (version === undefined) return () => undefined;
  const command = work.kind === 'sample' ? 'sample' : work.command;
  const common = await commonRecord(command, version, model, await models.digestOf(model));
  const settings = resolveSettings(work.settings, model.generator, gridOf(model, work));
  const form = { encoding, quality };
  if (work.kind === 'sample') {
    const notes = sampleNotes(model, common, { settings, form, size: work.size, rope: work.rope });
    return ({ picture, class: own }) => notes(picture, own === null ? [] : [own]);
  }
  const notes = redrawNotes(model, common, { settings, form, feather: work.feather });
  return ({ picture, class: own }) => notes(picture, own);
}

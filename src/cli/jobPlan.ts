import {
  type FullSettings,
  type Grid,
  type JobLine,
  type Model,
  PICTURE_ENCODINGS,
  type PictureEncoding,
  pictureGrid,
  requireMatchingParts,
  resolveSettings,
  type RopeScaling,
  type SamplingSettings,
  settingsOfFields,
} from '../index.js';
import { UserError } from '../errors.js';
import { checkImageSize } from './imageOutput.js';
import type { JobOutputs } from './jobOutputs.js';
import { parsePixelSize } from './numbers.js';
import { chooseOutput, type OutputChoice } from './outputFormat.js';
import type { SampleFlags } from './sampleRequest.js';
import { samplingSettings } from './samplingFlags.js';

/** One picture, with nothing left open but the seed of those that share one. */
export interface Job {
  readonly line: JobLine;
  readonly path: string;
  readonly choice: OutputChoice<PictureEncoding>;
  /** What `Model.classIndices` takes; undefined for one at random. */
  readonly class?: number | string;
  readonly settings: SamplingSettings;
  readonly grid: Grid;
  readonly size?: { readonly width: number; readonly height: number };
  readonly rope: RopeScaling;
  /** Undefined where the seed is that of all jobs. */
  readonly seed?: number;
  /** Number of the picture under the seed. */
  readonly picture: number;
}

/**
 * What a line asks for: its own fields, and for what it leaves open the flags.
 * @param index number of the job, from 0
 * @throws UserError naming the line when it does not suit the model or cannot be written.
 */
export function planJob(
  model: Model,
  flags: SampleFlags,
  line: JobLine,
  index: number,
  outputs: JobOutputs,
): Job {
  const { fields, place } = line;
  const path = outputs.take(fields.output, place);
  try {
    const size = fields.size ?? flags.size;
    const pixels = size === undefined ? undefined : parsePixelSize(size, 'size');
    const grid = pixels ? pictureGrid(pixels, model.tokenizer.factor) : model.facts.grid;
    const choice = chooseOutput(
      {
        output: path,
        format: undefined,
        quality: fields.quality ?? (/\.(jpe?g|webp)$/i.test(path) ? flags.quality : undefined),
        scale: fields.scale ?? flags.scale,
        'scale-filter': fields['scale-filter'] ?? flags['scale-filter'],
      },
      PICTURE_ENCODINGS,
    );
    const { factor } = model.tokenizer;
    checkImageSize({ width: grid.width * factor, height: grid.height * factor }, 1, choice);
    const settings = mergedSettings(model, flags, line, grid);
    requireMatchingParts(model, 'decode');
    const wanted = fields.class ?? flags.class?.[0];
    if (wanted !== undefined) model.classIndices(wanted);
    return {
      ...{ line, path, choice, settings, grid },
      ...(wanted !== undefined && { class: wanted }),
      ...(pixels && { size: pixels }),
      rope: fields.rope ?? (flags.rope as RopeScaling),
      ...(fields.seed !== undefined && { seed: fields.seed }),
      // Jobs that share a seed draw pictures of different numbers.
      picture: fields.picture ?? (fields.seed === undefined ? index : 0),
    };
  } catch (error) {
    if (!(error instanceof UserError) || error.message.startsWith(place)) throw error;
    throw new UserError(`${place}: ${error.message}`, error.exitCode, error);
  }
}

/** @throws UsageError for settings that the model does not take. */
function mergedSettings(model: Model, flags: SampleFlags, { fields }: JobLine, grid: Grid): SamplingSettings {
  const positions = grid.width * grid.height;
  const usual = samplingSettings(flags, positions);
  const own = settingsOfFields(fields, positions);
  const settings = { ...usual, ...own, own: { ...usual.own, ...own.own } };
  // Found out now, before anything is drawn.
  resolveSettings({ ...settings, seed: 0 }, model.generator, grid);
  return settings;
}

/** The settings of a job with nothing left open. */
export function jobSettings(model: Model, { settings, grid }: Job, seed: number): FullSettings {
  return resolveSettings({ ...settings, seed }, model.generator, grid);
}

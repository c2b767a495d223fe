import type { Interfaces } from '@oclif/core';
import { ANIMATION_FORMATS, type SampleRecord, type Shard, UsageError } from '../index.js';
import {
  type commonFlags,
  type modelFlags,
  namesFolder,
  type precisionFlag,
  requireSeparateOutputs,
  type seedFlag,
} from './baseCommand.js';
import { checkImageOutput, gridColumns, IMAGE_FORMATS, isSingleFile } from './imageOutput.js';
import { choiceLike, flagsOfRecord, type LikePicture, readLike } from './likePicture.js';
import { chooseOutput, type OutputChoice, type outputFlags } from './outputFormat.js';
import { parseShard } from './shardFlag.js';
import type { samplingFlags } from './samplingFlags.js';
import { requireBinaryOutput, STREAM } from './streams.js';

/** What the command writes; of formats with one extension, the first is what the extension alone means. */
export const SAMPLE_FORMATS = [...IMAGE_FORMATS, ...ANIMATION_FORMATS, 'tokens'] as const;
export type SampleFormat = (typeof SAMPLE_FORMATS)[number];

/** Formats in which pictures lie side by side. */
const SHOWN_TOGETHER: readonly SampleFormat[] = ['grid', ...ANIMATION_FORMATS];

/** The most pictures of a command, a guard against slips of the finger. */
export const MAX_PICTURES = 1_000_000;

type Inferred<F extends Interfaces.FlagInput> = Interfaces.InferredFlags<F>;

/** The flags of a command that draws pictures of classes. */
export type SampleFlags = Inferred<typeof commonFlags> &
  Inferred<typeof modelFlags> &
  Inferred<typeof precisionFlag> &
  Inferred<typeof seedFlag> &
  Inferred<typeof samplingFlags> &
  Inferred<ReturnType<typeof outputFlags>> & {
    readonly class: string[] | undefined;
    readonly count: number;
    readonly size: string | undefined;
    readonly rope: string;
    readonly batch: number;
    readonly resume: boolean;
    readonly shard: string | undefined;
    readonly frames: string | undefined;
    readonly like: string | undefined;
    readonly output: string | undefined;
  };

/** Which pictures to draw. */
export interface PictureList {
  /** The class of each; undefined where one is to be drawn at random for all. */
  readonly classes?: readonly (number | string)[];
  readonly count: number;
  /** Number of the first under the seed. */
  readonly first: number;
  /** Of a grid. */
  readonly columns: number;
}

/** What a command is to draw and to write. */
export interface SampleRequest {
  /** The flags, those that a picture answers filled in. */
  readonly flags: SampleFlags;
  /** Flags of settings that count more than what the picture says. */
  readonly settingFlags: Partial<SampleFlags>;
  readonly like?: LikePicture;
  readonly list: PictureList;
  /** Which of them; undefined for all. */
  readonly shard?: Shard;
  readonly choice: OutputChoice<SampleFormat>;
}

/** Each of the values so many times, one after another. */
function repeated<T>(values: readonly T[], times: number): readonly T[] {
  return values.flatMap((value) => new Array<T>(times).fill(value));
}

/**
 * Which pictures flags and a picture ask for, in a grid a row for each class where there are several pictures of each.
 * @throws UsageError when they are too many, or contradict each other.
 */
export function listPictures(
  flags: Pick<SampleFlags, 'class' | 'count'>,
  given: ReadonlySet<string>,
  record?: SampleRecord,
): PictureList {
  const { class: named, count } = flags;
  if ((named?.length ?? 1) * count > MAX_PICTURES)
    throw new UsageError(
      `--count ${count} of ${named?.length ?? 1} classes are ${(named?.length ?? 1) * count} pictures; at most ${MAX_PICTURES} are drawn at once`,
    );
  const first = record?.picture ?? 0;
  if (named === undefined && record) {
    const times = given.has('count') ? count : 1;
    const { classes } = record;
    if (times > 1 && classes.length > 1)
      throw new UsageError('--count is for one picture, and --like names a grid: name a --class, too');
    const all = repeated(
      classes.map(({ index }) => index),
      times,
    );
    const columns = Math.min(record.columns ?? gridColumns(all.length), all.length);
    return { classes: all, count: all.length, first, columns };
  }
  const classes = named && repeated(named, count);
  const total = classes?.length ?? count;
  const columns = named && named.length > 1 && count > 1 ? count : gridColumns(total);
  return { ...(classes && { classes }), count: total, first, columns };
}

/** Refuses what cannot be written, before anything is read. */
function chooseSampleOutput(flags: SampleFlags): OutputChoice<SampleFormat> {
  requireSeparateOutputs(flags);
  const choice = chooseOutput(flags, SAMPLE_FORMATS);
  if (choice.format === 'tokens' && flags.frames !== undefined)
    throw new UsageError('--frames needs pictures: use another --format than tokens');
  if (flags.resume && (isSingleFile(flags.output) || (flags.output ?? STREAM) === STREAM))
    throw new UsageError('--resume is for pictures in a folder: name one with -o and a slash at the end');
  if (flags.shard !== undefined && (flags.frames !== undefined || SHOWN_TOGETHER.includes(choice.format)))
    throw new UsageError(
      `--shard draws a part of the pictures, and ${flags.frames === undefined ? choice.format : '--frames'} shows all together: use png, jpeg, webp, npz or tokens`,
    );
  if (choice.format !== 'tokens') requireBinaryOutput(flags.output);
  return choice;
}

/**
 * What flags ask for, together with the picture that `--like` names.
 * @param given names of the flags on the command line: they count more than what the picture says
 * @throws UsageError, InputError or OutputError before any work is done.
 */
export async function readRequest(flags: SampleFlags, given: ReadonlySet<string>): Promise<SampleRequest> {
  const choice = chooseSampleOutput(flags);
  const shard = parseShard(flags.shard);
  const { like: path, model, quiet, output } = flags;
  const like =
    path === undefined ? undefined : await readLike(path, { model, isGiven: given.has('model'), quiet });
  const list = listPictures(flags, given, like?.record);
  const isFolder = output !== undefined && namesFolder(output);
  const own = like ? choiceLike(choice, like.record, given, isFolder) : choice;
  checkImageOutput(output, own.format, list.count);
  const part = shard && { shard };
  if (!like) return { flags, settingFlags: flags, list, choice, ...part };
  const explicit: Partial<SampleFlags> = Object.fromEntries(
    Object.entries(flags).filter(([name]) => given.has(name)),
  );
  const filled = { ...flags, ...flagsOfRecord(like.record), ...explicit, model: like.folder };
  return { flags: filled, settingFlags: explicit, like, list, choice: own, ...part };
}

import {
  ANIMATION_FORMATS,
  type Grid,
  type Model,
  pictureGrid,
  requireMatchingParts,
  requireMemory,
  type SamplingSettings,
  shardRange,
  WHOLE,
} from '../index.js';
import { checkImageSize, IMAGE_FORMATS, type ImageFormat, isSeparate, picturesThere } from './imageOutput.js';
import { settingsLike } from './likePicture.js';
import { parsePixelSize } from './numbers.js';
import type { OutputChoice } from './outputFormat.js';
import type { SampleRequest } from './sampleRequest.js';
import { samplingSettings } from './samplingFlags.js';

const BYTES_PER_TOKEN = 4;

/** How a request is carried out with a model. */
export interface SamplePlan {
  /** Pixels of a picture, where they are asked for. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Tokens of a picture. */
  readonly grid: Grid;
  readonly settings: SamplingSettings;
  /** How still pictures are written; undefined where something else is. */
  readonly still?: OutputChoice<ImageFormat>;
  /** Whether each picture is written as soon as it is drawn. */
  readonly isSpread: boolean;
  /** Whether the states between are shown. */
  readonly keepsFrames: boolean;
  /** Places of the pictures that are wanted: all, or those of a part. */
  readonly places: readonly number[];
  /** Those of them that are there already. */
  readonly there: ReadonlySet<number>;
}

/**
 * Finds out how pictures are drawn and written.
 * @throws UsageError when they do not suit the model, the format or the memory.
 */
export function planPictures(model: Model, request: SampleRequest): SamplePlan {
  const { flags, settingFlags, like, list, shard, choice } = request;
  const { format, scale } = choice;
  const { count, columns } = list;
  const size = flags.size === undefined ? undefined : parsePixelSize(flags.size, '--size');
  const grid = size ? pictureGrid(size, model.tokenizer.factor) : model.facts.grid;
  const tokens = grid.width * grid.height;
  const given = samplingSettings(settingFlags, tokens);
  const settings = like ? settingsLike(like.record, given, tokens) : given;
  const stillFormat = IMAGE_FORMATS.find((known) => known === format);
  const still = stillFormat && { ...choice, format: stillFormat };
  const keepsFrames =
    flags.frames !== undefined || ANIMATION_FORMATS.some((animation) => animation === format);
  const states = keepsFrames ? 1 + Math.min(settings.steps ?? tokens, tokens) : 1;
  const factor = format === 'tokens' ? 0 : model.tokenizer.factor;
  const pixels = tokens * (factor * (scale?.factor ?? 1)) ** 2;
  const isSpread = still !== undefined && isSeparate(still.format);
  const { start, end } = shardRange(count, shard ?? WHOLE);
  const places = Array.from({ length: end - start }, (_, place) => start + place);
  // Pictures that go to files of their own are not kept.
  const keptPixels = isSpread && !keepsFrames ? 0 : 3 * pixels;
  requireMemory(
    places.length * states * (BYTES_PER_TOKEN * tokens + keptPixels),
    `${places.length} pictures`,
  );
  if (format !== 'tokens') requireMatchingParts(model, 'decode');
  if (format !== 'tokens')
    checkImageSize({ width: grid.width * factor, height: grid.height * factor }, count, {
      ...choice,
      columns,
    });
  const there = flags.resume && isSpread ? picturesThere(flags.output, places, still) : new Set<number>();
  const shape = { ...(size && { size }), grid, settings };
  return { ...shape, ...(still && { still }), isSpread, keepsFrames, places, there };
}

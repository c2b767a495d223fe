import type { Codes } from '../codes.js';
import { type Grid, ROPE_SCALINGS, type RopeScaling } from '../../graphs/rotary.js';
import { pickClass } from '../conditions/classGroups.js';
import { classCondition } from '../conditions/condition.js';
import { samplePictures } from '../sampling/samplePictures.js';
import { requireGrid } from '../systems/abilities.js';
import { progressOf } from './samplingProgress.js';
import { orderOf } from '../systems/orders.js';
import { faultOfWhole } from '../sampling/settingFaults.js';
import type { RgbImage } from '../data/image.js';
import { UsageError } from '../errors.js';
import { type Model, requireMatchingParts } from './model.js';
import { requireNoFault, requireOneOf, resolveSettings, type SamplingSettings } from './settings.js';

/** The most tokens of a picture, a guard against slips of the finger. */
const MAX_TOKENS = 1 << 16;
const DEFAULT_BATCH = 4;
/** Numbers of pictures lie below. */
const MAX_NUMBER = 2 ** 32;

export interface SampleOptions extends SamplingSettings {
  /** Each picture's class as `Model.classIndices` takes it; null for none. Of a group, each picture draws one. */
  readonly classes: readonly (number | string | null)[];
  /** Pixels of the pictures, whole tokens along each side (default: the trained size). */
  readonly size?: { readonly width: number; readonly height: number };
  /** With `size`: RoPE goes on beyond the trained positions (default), or squeezes all into their range. */
  readonly rope?: RopeScaling;
  /** Pictures sampled together (default 4); it changes the time and memory, not the pictures. */
  readonly batch?: number;
  /**
   * Hears how many steps are done, over all pictures, how many there are, and what share of the work is done: steps with
   * more tokens are more of it, and what `onPicture` does with a picture is taken for its decoding.
   */
  readonly onProgress?: (done: number, total: number, share: number) => void;
  /** Number of the first picture under the seed (default 0). */
  readonly first?: number;
  /** Numbers of pictures that are not drawn; the others are what they would be with them. */
  readonly skip?: ReadonlySet<number>;
  /** Hears of each picture that is finished, in their order, while the next batch is drawn; that goes no further ahead. */
  readonly onPicture?: (picture: number, sampled: SampledTokens) => Promise<void> | void;
  /** Hears when the generator is needed no more, before the last batch is finished, which waits for it. */
  readonly onSampled?: () => Promise<void> | void;
  /** Hears each picture's codes after each step, −1 or NaN where unknown; they change with the next step. */
  readonly onStep?: (picture: number, step: number, codes: Codes) => void;
}

/** What was drawn of a picture before it is decoded. */
export interface SampledTokens {
  readonly classId: number | null;
  readonly codes: Codes;
}

export interface SampledTokenSet {
  readonly seed: number;
  readonly steps: number;
  readonly grid: Grid;
  readonly pictures: readonly SampledTokens[];
}

export interface SampledPicture extends SampledTokens {
  readonly image: RgbImage;
}

export interface SampledSet extends Omit<SampledTokenSet, 'pictures'> {
  readonly pictures: readonly SampledPicture[];
}

/**
 * Tokens along each side of a picture.
 * @param size in pixels
 * @param factor pixels of a token along each axis
 * @throws UsageError when they are no whole tokens, or too many.
 */
export function pictureGrid(size: NonNullable<SampleOptions['size']>, factor: number): Grid {
  const { width, height } = size;
  const fault = faultOfWhole(width, 'width', 1) ?? faultOfWhole(height, 'height', 1);
  requireNoFault(fault && `size ${width}x${height}: ${fault}`);
  const [columns, rows] = [width / factor, height / factor];
  if (!(columns >= 1 && rows >= 1 && Number.isInteger(columns) && Number.isInteger(rows)))
    throw new UsageError(
      `size ${width}x${height}: both sides must be a multiple of ${factor}, such as ${8 * factor}x${4 * factor}`,
    );
  if (columns * rows > MAX_TOKENS)
    throw new UsageError(
      `size ${width}x${height} makes ${columns * rows} tokens; at most ${MAX_TOKENS} are allowed`,
    );
  return { height: rows, width: columns };
}

/**
 * What to know of pictures that are larger than those that a model was trained on; undefined where they are not.
 * @param factor pixels of a token along each axis
 */
export function largerNote(grid: Grid, trained: Grid, factor: number): string | undefined {
  if (grid.width <= trained.width && grid.height <= trained.height) return undefined;
  const pixels = ({ width, height }: Grid) => `${width * factor}×${height * factor}`;
  return `the model was trained on ${pixels(trained)} pixels: at ${pixels(grid)} quality falls`;
}

/** @throws UsageError naming the option of a set of pictures that is none, as callers of JavaScript may pass. */
function requireOptions({ classes, batch, size, rope, skip, first }: SampleOptions): void {
  if (!Array.isArray(classes) || classes.length === 0)
    throw new UsageError('classes must be an array with the class of each picture, at least one');
  if (batch !== undefined) requireNoFault(faultOfWhole(batch, 'batch', 1));
  if (first !== undefined) requireNoFault(faultOfWhole(first, 'first', 0, MAX_NUMBER - classes.length));
  if (rope !== undefined) requireOneOf(rope, 'rope', ROPE_SCALINGS);
  if (size !== undefined && (typeof size !== 'object' || size === null))
    throw new UsageError(`size ${String(size)} is not { width, height } in pixels`);
  if (skip !== undefined && !(skip instanceof Set))
    throw new UsageError('skip must be a Set of picture numbers');
}

/**
 * A class of the model, each as likely as the others: the same for the same seed.
 * @param picture number of the picture under the seed
 */
export function drawClass({ facts }: Model, seed: number, picture = 0): number {
  return pickClass(
    Array.from({ length: facts.classes }, (_, index) => index),
    seed,
    picture,
  );
}

/**
 * Samples the tokens of pictures (docs/SYSTEMS.md, ARPG sampling). Picture i of a seed depends on nothing but the seed, i and the settings.
 * @throws UsageError for settings out of range and unknown classes.
 */
export async function sampleTokens(model: Model, options: SampleOptions): Promise<SampledTokenSet> {
  requireOptions(options);
  const { system, config } = model.generator;
  const grid =
    options.size === undefined ? model.facts.grid : pictureGrid(options.size, model.tokenizer.factor);
  requireGrid(system, config, grid);
  const settings = resolveSettings(options, model.generator, grid);
  const wantedClasses = new Map(
    [...new Set(options.classes)].map((wanted) => [
      wanted,
      wanted === null ? null : model.classIndices(wanted),
    ]),
  );
  const { first = 0 } = options;
  const classIds = options.classes.map((wanted, place) => {
    const indices = wantedClasses.get(wanted)!;
    return indices && pickClass(indices, settings.seed, first + place);
  });
  const drawn = classIds
    .map((classId, place) => ({ index: first + place, condition: classCondition(classId) }))
    .filter(({ index }) => !options.skip?.has(index));
  const total = drawn.length * settings.steps;
  const sampler = model.sampler(grid, options.rope);
  const batch = options.batch ?? DEFAULT_BATCH;
  const progress = progressOf(model, grid, settings, drawn.length, batch);
  let stepsDone = 0;
  const codes = await samplePictures(
    sampler,
    drawn,
    {
      ...settings,
      orderOf: (index) => orderOf(system, config, grid, settings, { seed: settings.seed, index }),
      batch,
    },
    {
      onProgress: (done, step) => {
        stepsDone = done;
        options.onProgress?.(done, total, progress.stepped(step));
      },
      ...(options.onStep && { onFrame: options.onStep }),
      ...(options.onSampled && { onSampled: options.onSampled }),
      onPicture: async (index, own) => {
        await options.onPicture?.(index, { classId: classIds[index - first]!, codes: own });
        options.onProgress?.(stepsDone, total, progress.finished());
      },
    },
  );
  return {
    seed: settings.seed,
    steps: settings.steps,
    grid,
    pictures: codes.map((own, place) => ({ classId: classIds[drawn[place]!.index - first]!, codes: own })),
  };
}

/**
 * Draws pictures of classes: `const { pictures } = await sample(await load(), { classes: [3], seed: 1 })`.
 * @throws UsageError for settings out of range and unknown classes, InputError when the model folder is at fault.
 */
export async function sample(model: Model, options: SampleOptions): Promise<SampledSet> {
  requireMatchingParts(model, 'decode');
  const images: RgbImage[] = [];
  const sampled = await sampleTokens(model, {
    ...options,
    onPicture: async (picture, drawn) => {
      images.push(await model.tokenizer.decode(drawn.codes));
      await options.onPicture?.(picture, drawn);
    },
  });
  return {
    ...sampled,
    pictures: sampled.pictures.map((picture, place) => ({ ...picture, image: images[place]! })),
  };
}

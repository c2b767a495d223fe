import { requirePicture } from '../data/pixels.js';
import { pickClass } from '../conditions/classGroups.js';
import { classCondition } from '../conditions/condition.js';
import { requireAbility } from '../systems/abilities.js';
import { orderOf } from '../systems/orders.js';
import { uniformFor } from '../random/draws.js';
import { faultOfNumber, faultOfSeed, faultOfWhole } from '../sampling/settingFaults.js';
import type { RgbImage } from '../data/image.js';
import { MAX_PIXELS } from '../data/pictureLimits.js';
import { type Canvas, extendCanvas } from '../editing/canvas.js';
import { redraw, type Redrawn, type RedrawStep } from '../editing/redraw.js';
import { UsageError } from '../errors.js';
import { type Model, requireMatchingParts } from './model.js';
import { requireNoFault, resolveSettings, type SamplingSettings } from './settings.js';

/** Pictures under one seed whose random numbers differ: each may have 2¹⁶ windows, of 2³² in all. */
const MAX_PICTURES = 2 ** 16;

export interface InpaintOptions extends SamplingSettings {
  /** Class index or name, or a group's to draw one; null or nothing for none, and then nothing guides. */
  readonly class?: number | string | null;
  /** Number of the picture under the seed, from 0 (default): pictures of other numbers get other random numbers. */
  readonly picture?: number;
  /** Pixels over which new ones fade in, inside the mask (default 0). It changes no token. */
  readonly feather?: number;
  /** Hears of each step, and can see the picture as it is then. */
  readonly onStep?: (step: RedrawStep) => void;
  /** Hears what share of the work is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** A picture after parts of it were drawn, and the windows that the model was applied to. */
export interface InpaintResult extends Redrawn {
  readonly seed: number;
  /** Of a group, the one that was drawn; null for none. */
  readonly classId: number | null;
}

/** Pixels to add on each side. */
export interface Sides {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Draws the masked part of a picture anew (docs/SYSTEMS.md, ARPG zero-shot uses). Pictures may have any
 * size: the model is applied at their own resolution to windows of its size. A token is drawn when the mask is at least
 * 128 somewhere in its cell; pixels outside such cells stay bit for bit.
 * @param mask `[height, width]`: in cells that are drawn, 0 keeps a pixel, 255 replaces it, what lies between mixes both
 * @throws UsageError for a mask of another size, settings out of range and unknown classes.
 */
export async function inpaint(
  model: Model,
  { image, mask }: Canvas,
  options: InpaintOptions = {},
): Promise<InpaintResult> {
  const { system, config } = model.generator;
  requireAbility(system, 'known');
  requireMatchingParts(model, 'encode and decode');
  requirePicture(image, 3);
  const pixels = image.width * image.height;
  if (!(mask instanceof Uint8Array)) throw new UsageError('the mask is not a Uint8Array');
  if (mask.length !== pixels)
    throw new UsageError(`the mask has ${mask.length} values for a picture of ${pixels} pixels`);
  const { feather = 0, picture = 0 } = options;
  requireNoFault(faultOfWhole(feather, 'feather', 0));
  requireNoFault(faultOfWhole(picture, 'picture', 0, MAX_PICTURES - 1));
  const given = options.class ?? null;
  const resolved = resolveSettings(options, model.generator, model.facts.grid);
  const classId = given === null ? null : pickClass(model.classIndices(given), resolved.seed, picture);
  const settings = {
    ...resolved,
    // Without a class, both rows of the guidance would be the same.
    ...(given === null && { guidance: system.noGuidance }),
    condition: classCondition(classId),
    orderOf: (window: number) =>
      orderOf(system, config, model.facts.grid, resolved, {
        ...{ seed: resolved.seed, index: window, purpose: 'redrawnOrder' },
      }),
    picture,
    feather,
    ...(options.onProgress && { onProgress: options.onProgress }),
  };
  const editor = { sampler: model.sampler(), tokenizer: model.tokenizer };
  const redrawn = await redraw(editor, { image, mask }, settings, options.onStep);
  return { ...redrawn, seed: settings.seed, classId };
}

/**
 * The canvas of a picture extended beyond its borders, with the new part masked, for `inpaint`.
 * @throws UsageError when the result would be too large.
 */
export function outpaintCanvas(image: RgbImage, sides: Sides): Canvas {
  requirePicture(image, 3);
  for (const [side, pixels] of Object.entries(sides)) requireNoFault(faultOfWhole(pixels, side, 0));
  const pixels = (image.width + sides.left + sides.right) * (image.height + sides.top + sides.bottom);
  if (pixels > MAX_PIXELS)
    throw new UsageError(`a result of ${pixels} pixels is more than the ${MAX_PIXELS} allowed`);
  return extendCanvas({ image, mask: new Uint8Array(image.width * image.height) }, sides, 255);
}

/**
 * A mask over whole tokens of a picture, each with the probability that it does not stay, for variations.
 * @param keep share of tokens that stay, from 0 to 1
 * @param tokenPixels pixels of a token along each axis
 * @param picture number of the picture under the seed
 * @throws UsageError naming what is out of range.
 */
export function variationMask(
  { width, height }: { readonly width: number; readonly height: number },
  keep: number,
  tokenPixels: number,
  seed: number,
  picture: number,
): Uint8Array {
  for (const fault of [
    faultOfWhole(width, 'width', 1) ?? faultOfWhole(height, 'height', 1),
    faultOfNumber(keep, 'keep', 0, 1),
    faultOfWhole(tokenPixels, 'tokenPixels', 1),
    faultOfSeed(seed),
    faultOfWhole(picture, 'picture', 0, 2 ** 32 - 1),
  ])
    requireNoFault(fault);
  if (width * height > MAX_PIXELS)
    throw new UsageError(`a mask of ${width}×${height} pixels is larger than the ${MAX_PIXELS} allowed`);
  const columns = Math.ceil(width / tokenPixels);
  const mask = new Uint8Array(width * height);
  for (let cell = 0; cell < columns * Math.ceil(height / tokenPixels); cell++) {
    if (uniformFor(seed, picture, cell, 'keep') < keep) continue;
    const [top, left] = [Math.floor(cell / columns) * tokenPixels, (cell % columns) * tokenPixels];
    const right = Math.min(width, left + tokenPixels);
    for (let row = top; row < Math.min(height, top + tokenPixels); row++)
      mask.fill(255, row * width + left, row * width + right);
  }
  return mask;
}

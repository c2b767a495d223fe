import { randomOrder } from '../arpg/order.js';
import { samplingPlan } from '../arpg/plan.js';
import type { Sampler, SamplingOptions, StepReport } from '../arpg/sampler.js';
import type { Schedule } from '../arpg/schedule.js';
import type { RgbImage } from '../data/image.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import {
  blend,
  type Box,
  type Canvas,
  cropCanvas,
  cropPlane,
  DRAWN_FROM,
  extendCanvas,
  featherMask,
} from './canvas.js';
import { nextWindow } from './windows.js';

export interface RedrawOptions extends SamplingOptions {
  /** Class index; null for none. */
  readonly classId: number | null;
  readonly schedule: Schedule;
  /** Steps for a whole grid of tokens; a part takes its share of them. */
  readonly steps: number;
  /** Raster positions in the order to sample; drawn from the seed when left out. */
  readonly order: readonly number[] | undefined;
  /** Number of the picture under the seed, from 0. */
  readonly picture: number;
  /** Pixels over which new ones fade in, inside the mask (default 0). It changes no token. */
  readonly feather?: number;
}

/** Windows of one picture are numbered below this, so that no two pictures share random numbers. */
const MAX_WINDOWS = 2 ** 16;

/** Generator and tokenizer of one model. */
export interface Editor {
  readonly sampler: Sampler;
  readonly tokenizer: Tokenizer;
}

/** A window of the canvas after it was drawn. */
export interface DrawnWindow {
  readonly box: Box;
  /** Tokens before, from the picture, and after. */
  readonly before: Int32Array;
  readonly after: Int32Array;
  /** Raster positions that were drawn; the tokens of all others are the same before and after. */
  readonly drawn: readonly number[];
  /** The window's pixels as the tokenizer decodes them. */
  readonly decoded: RgbImage;
}

export interface Redrawn {
  readonly image: RgbImage;
  /** `[height, width]`: what share of each pixel is new, of 255; those with 0 are the very ones that came in. */
  readonly changed: Uint8Array;
  readonly windows: readonly DrawnWindow[];
}

/** Positions of the tokens that a pixel touches which is to be drawn. */
export function touchedPositions({ image, mask }: Canvas, factor: number): ReadonlySet<number> {
  const columns = image.width / factor;
  const touched = new Set<number>();
  for (const [pixel, value] of mask.entries()) {
    if (value < DRAWN_FROM) continue;
    const [row, column] = [Math.floor(pixel / image.width), pixel % image.width];
    touched.add(Math.floor(row / factor) * columns + Math.floor(column / factor));
  }
  return touched;
}

/**
 * Draws the given tokens of one window anew (PAPER §3, inpainting): the known ones enter pass 1 together with the class
 * token, then pass 2 predicts the others along the schedule.
 * @param index numbers the window under the seed
 * @returns all tokens in raster order
 */
export async function redrawTokens(
  sampler: Sampler,
  tokens: Int32Array,
  unknown: ReadonlySet<number>,
  index: number,
  options: RedrawOptions,
  onStep?: (report: StepReport) => void,
): Promise<Int32Array> {
  const positions = tokens.length;
  const order = (options.order ?? randomOrder(positions, options.seed, index, 'redrawnOrder')).filter(
    (position) => unknown.has(position),
  );
  const known = Array.from(tokens.keys()).filter((position) => !unknown.has(position));
  const steps = Math.max(1, Math.round((options.steps * order.length) / positions));
  const plan = samplingPlan({ order, known, steps, schedule: options.schedule });
  const knownTokens = new Map(known.map((position) => [position, tokens[position]!]));
  const [drawn] = await sampler.sample(
    [{ classId: options.classId, index, plan, knownTokens, isRedrawn: true }],
    options,
    onStep,
  );
  return drawn!;
}

/**
 * Draws the masked part of a canvas of any size anew, at its own resolution: the model is applied to windows of its
 * size, centred on the masked part, or, where that is larger, one after another from what is known into what is not. A
 * token is drawn when the mask is at least half somewhere in its cell. Pixels outside those cells, and those with a
 * mask of 0, stay bit for bit.
 */
export async function redraw(
  { sampler, tokenizer }: Editor,
  canvas: Canvas,
  options: RedrawOptions,
  onStep?: (report: StepReport) => void,
): Promise<Redrawn> {
  const size = sampler.grid.height * tokenizer.factor;
  const { width, height } = canvas.image;
  // Small pictures are continued by their border up to one window.
  const padding = { left: 0, top: 0, right: Math.max(0, size - width), bottom: Math.max(0, size - height) };
  const shares = extendCanvas(
    { ...canvas, mask: featherMask(canvas.mask, width, height, options.feather ?? 0) },
    padding,
    0,
  ).mask;
  const changed = new Uint8Array(shares.length);
  let work = extendCanvas(canvas, padding, 0);
  const windows: DrawnWindow[] = [];
  for (let box = nextWindow(work, size); box; box = nextWindow(work, size)) {
    const part = cropCanvas(work, box);
    const { tokens: before, grid } = await tokenizer.encode(part.image);
    const unknown = touchedPositions(part, tokenizer.factor);
    const after = await redrawTokens(
      sampler,
      before,
      unknown,
      options.picture * MAX_WINDOWS + windows.length,
      options,
      onStep,
    );
    const decoded = await tokenizer.decode({ tokens: after, grid });
    windows.push({ box, before, after, drawn: [...unknown], decoded });
    const share = inDrawnCells(
      cropPlane(shares, work.image.width, box),
      // What another window has drawn already stays.
      part.mask,
      unknown,
      size,
      tokenizer.factor,
    );
    pasteShare(changed, work.image.width, share, box);
    work = { image: blend(work.image, decoded, share, box), mask: clearMask(work, box) };
  }
  const whole = { left: 0, top: 0, width, height };
  return {
    image: cropCanvas(work, whole).image,
    changed: cropPlane(changed, work.image.width, whole),
    windows,
  };
}

/** The shares of a window's pixels that lie in cells which are drawn, and that are still masked; 0 elsewhere. */
function inDrawnCells(
  shares: Uint8Array,
  mask: Uint8Array,
  drawn: ReadonlySet<number>,
  size: number,
  factor: number,
): Uint8Array {
  const columns = size / factor;
  return shares.map((share, pixel) => {
    const [row, column] = [Math.floor(pixel / size), pixel % size];
    const cell = Math.floor(row / factor) * columns + Math.floor(column / factor);
    return mask[pixel] !== 0 && drawn.has(cell) ? share : 0;
  });
}

/** Notes a window's shares among those of the whole canvas, each pixel's largest. */
function pasteShare(
  changed: Uint8Array,
  canvasWidth: number,
  share: Uint8Array,
  { left, top, width }: Box,
): void {
  for (const [pixel, value] of share.entries()) {
    const place = (top + Math.floor(pixel / width)) * canvasWidth + left + (pixel % width);
    changed[place] = Math.max(changed[place]!, value);
  }
}

/** The mask without what lies in a window. */
function clearMask({ image, mask }: Canvas, { left, top, width, height }: Box): Uint8Array {
  const cleared = Uint8Array.from(mask);
  for (let row = top; row < top + height; row++)
    cleared.fill(0, row * image.width + left, row * image.width + left + width);
  return cleared;
}

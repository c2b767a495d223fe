import type { Grid } from '../../graphs/rotary.js';
import type { Condition } from '../conditions/condition.js';
import { type Codes, copyCodes, countKnown, type GridCodes, isKnown } from '../codes.js';
import type { SamplingOptions } from '../sampling/request.js';
import type { SampledStep, Sampler, StepOptions } from '../sampling/sampler.js';
import { cropImage, type RgbImage } from '../data/image.js';
import { decodePartial } from '../tokenizers/partialImage.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import {
  blendInto,
  type Box,
  type Canvas,
  cropPlane,
  DRAWN_FROM,
  extendCanvas,
  featherMask,
} from './canvas.js';
import { planWindows } from './windows.js';

/** The steps are those for a whole grid of tokens; a part takes its share of them. */
export interface RedrawOptions extends SamplingOptions, StepOptions {
  readonly condition: Condition;
  /** The order of all positions of a window, by its number under the seed. */
  readonly orderOf: (index: number) => readonly number[];
  /** Number of the picture under the seed, from 0. */
  readonly picture: number;
  /** Pixels over which new ones fade in, inside the mask (default 0). It changes no token. */
  readonly feather?: number;
  /** Hears what share of the work is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
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
  /** Codes before, from the picture, and after. */
  readonly before: Codes;
  readonly after: Codes;
  /** Raster positions that were to be drawn; on one grid, the codes of all others are the same before and after. */
  readonly drawn: readonly number[];
  /** The window's pixels as the tokenizer decodes them. */
  readonly decoded: RgbImage;
}

/** What is known after a step. */
export interface RedrawStep {
  /** How many of the tokens to draw are there, over all windows, and how many there are to draw. */
  readonly done: number;
  readonly total: number;
  /** The whole picture as it is now, grey where a token is not known yet. */
  readonly preview: () => Promise<RgbImage>;
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

/** The steps of a part of a picture: its share of the whole one's, or all where they are fixed. */
function stepsOfPart({ hasFixedSteps, grid }: Sampler, steps: number, drawn: number): number {
  return hasFixedSteps ? steps : Math.max(1, Math.round((steps * drawn) / (grid.height * grid.width)));
}

/**
 * Draws some tokens of one window anew (docs/SYSTEMS.md, ARPG zero-shot uses); the sampler is given the others.
 * @param index numbers the window under the seed
 * @returns the codes, those of one grid as they came where they are known
 */
export async function redrawTokens(
  sampler: Sampler,
  codes: Codes,
  unknown: ReadonlySet<number>,
  index: number,
  options: RedrawOptions,
  onStep?: (step: SampledStep) => void,
): Promise<Codes> {
  const positions = codes.grid.height * codes.grid.width;
  const order = options.orderOf(index).filter((position) => unknown.has(position));
  const kept = Array.from({ length: positions }, (_, position) => position).filter(
    (position) => !unknown.has(position),
  );
  const steps = stepsOfPart(sampler, options.steps, order.length);
  const known = { tokens: codes.tokens, keep: new Set(kept) };
  const [drawn] = await sampler.sample(
    [{ condition: options.condition, index, order, known, isRedrawn: true }],
    { ...options, steps },
    onStep,
  );
  // Some samplers draw over what is given; outside the part to draw, the picture is what it was.
  return codes.kind === 'scales' ? drawn! : withCodesOf(codes, kept, drawn! as GridCodes);
}

/** Codes with those of another picture at some positions. */
function withCodesOf(source: GridCodes, positions: readonly number[], drawn: GridCodes): Codes {
  const codes = copyCodes(drawn);
  const width = source.kind === 'vectors' ? source.channels : 1;
  for (const position of positions)
    codes.tokens.set(source.tokens.subarray(position * width, (position + 1) * width), position * width);
  return codes;
}

/** How many of the positions to draw are drawn. */
function countDrawn(codes: Codes, drawn: readonly number[]): number {
  return codes.kind === 'scales'
    ? Math.floor((drawn.length * countKnown(codes)) / codes.tokens.length)
    : drawn.filter((position) => isKnown(codes, position)).length;
}

/** Work of encoding and decoding a token, where a step is as much as `WORK_OF_STEP` tokens. */
const WORK_OF_TOKEN = 4;
const WORK_OF_STEP = 64;

/** Tells what share of the windows' work is done. */
function redrawProgress(
  windows: readonly { readonly drawn: readonly number[] }[],
  { steps, onProgress }: Pick<RedrawOptions, 'steps' | 'onProgress'>,
  sampler: Sampler,
) {
  const positions = sampler.grid.width * sampler.grid.height;
  const workOf = ({ drawn }: { readonly drawn: readonly number[] }) => ({
    steps: stepsOfPart(sampler, steps, drawn.length) * WORK_OF_STEP,
    pictures: positions * WORK_OF_TOKEN,
  });
  const work = windows.map(workOf);
  const total = work.reduce((sum, own) => sum + own.steps + own.pictures, 0);
  const before = (window: number) =>
    work.slice(0, window).reduce((sum, own) => sum + own.steps + own.pictures, 0);
  return {
    /** A step of a window was done; before its first, the window was encoded. */
    stepped: (window: number, step: number) =>
      onProgress?.((before(window) + work[window]!.pictures / 2 + (step + 1) * WORK_OF_STEP) / total),
    finished: (window: number) => onProgress?.(before(window + 1) / total),
  };
}

/** What a canvas lacks of whole tokens and of one window. */
function paddingOf({ image: { width, height } }: Canvas, factor: number, grid: Grid) {
  const missing = (length: number, tokens: number) =>
    Math.max(tokens, Math.ceil(length / factor)) * factor - length;
  return { left: 0, top: 0, right: missing(width, grid.width), bottom: missing(height, grid.height) };
}

/**
 * Draws the masked part of a canvas of any size anew, at its own resolution: the model is applied to windows of its
 * size, over whole tokens counted from the top left corner, as `planWindows` places them. A token is drawn once, when
 * the mask is at least half somewhere in its cell. Pixels outside those cells, and those with a mask of 0, stay bit for
 * bit.
 */
export async function redraw(
  { sampler, tokenizer }: Editor,
  canvas: Canvas,
  options: RedrawOptions,
  onStep?: (step: RedrawStep) => void,
): Promise<Redrawn> {
  const { factor } = tokenizer;
  const window = { width: sampler.grid.width * factor, height: sampler.grid.height * factor };
  const { width, height } = canvas.image;
  // Tokens that reach beyond the picture, and pictures smaller than a window, are continued by the border.
  const padding = paddingOf(canvas, factor, sampler.grid);
  const { image, mask } = extendCanvas(canvas, padding, 0);
  const soft = { ...canvas, mask: featherMask(canvas.mask, width, height, options.feather ?? 0) };
  const shares = extendCanvas(soft, padding, 0).mask;
  const changed = new Uint8Array(shares.length);
  const work = { ...image, data: Uint8Array.from(image.data) };
  const windows: DrawnWindow[] = [];
  const masked = touchedPositions({ image, mask }, factor);
  const sizes = { columns: image.width / factor, rows: image.height / factor, ...sampler.grid };
  const whole = { left: 0, top: 0, width, height };
  const planned = [...planWindows(masked, sizes)];
  const progress = redrawProgress(planned, options, sampler);
  for (const { left, top, drawn } of planned) {
    const box = { left: left * factor, top: top * factor, ...window };
    const before = await tokenizer.encode(cropImage(work, box.left, box.top, box.width, box.height));
    const unknown = new Set(drawn);
    const number = options.picture * MAX_WINDOWS + windows.length;
    const share = inDrawnCells(cropPlane(shares, image.width, box), unknown, box.width, factor);
    // Previews may be made when the work goes on already.
    const soFar = onStep && { ...work, data: Uint8Array.from(work.data) };
    const doneBefore = windows.reduce((sum, earlier) => sum + earlier.drawn.length, 0);
    const after = await redrawTokens(sampler, before, unknown, number, options, ({ codes, step }) => {
      progress.stepped(windows.length, step);
      if (!onStep) return;
      const own = copyCodes(codes[0]!);
      const done = doneBefore + countDrawn(own, drawn);
      const preview = async () => {
        const data = Uint8Array.from(soFar!.data);
        const partial = await decodePartial(tokenizer, own);
        blendInto({ data, width: image.width }, partial, share, box);
        return cropImage({ ...image, data }, whole.left, whole.top, whole.width, whole.height);
      };
      onStep({ done, total: masked.size, preview });
    });
    const decoded = await tokenizer.decode(after);
    progress.finished(windows.length);
    windows.push({ box, before, after, drawn, decoded });
    pastePlane(changed, image.width, share, box);
    blendInto(work, decoded, share, box);
  }
  return {
    image: cropImage(work, 0, 0, width, height),
    changed: cropPlane(changed, image.width, whole),
    windows,
  };
}

/** The shares of a window's pixels that lie in cells which are drawn; 0 elsewhere. */
function inDrawnCells(
  shares: Uint8Array,
  drawn: ReadonlySet<number>,
  width: number,
  factor: number,
): Uint8Array {
  const columns = width / factor;
  return shares.map((share, pixel) => {
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    return drawn.has(Math.floor(row / factor) * columns + Math.floor(column / factor)) ? share : 0;
  });
}

/** Notes a window's shares among those of the whole canvas; each pixel has some in one window at most. */
function pastePlane(
  changed: Uint8Array,
  canvasWidth: number,
  share: Uint8Array,
  { left, top, width }: Box,
): void {
  for (const [pixel, value] of share.entries())
    if (value > 0) changed[(top + Math.floor(pixel / width)) * canvasWidth + left + (pixel % width)] = value;
}

import {
  type Canvas,
  copyCodes,
  countKnown,
  decodePartial,
  inpaint,
  type Model,
  type RgbaImage,
  type RgbImage,
  type RopeScaling,
  type SamplingSettings,
  sampleTokens,
  tokenCount,
  withOpacityOf,
} from '../index.js';

/** What all drawing is told. */
interface DrawBasics {
  readonly settings: SamplingSettings & { readonly seed: number };
  /** Pictures to draw. */
  readonly count: number;
}

/** Whole pictures of a class. */
export interface SampleWork extends DrawBasics {
  readonly kind: 'sample';
  readonly class: number | string | null;
  /** In pixels; the trained size when left out. */
  readonly size?: { readonly width: number; readonly height: number };
  readonly rope: RopeScaling;
}

/** How parts of a picture come to be drawn anew. */
export type RedrawCommand = 'inpaint' | 'outpaint' | 'edit';

/** Parts of a picture. */
export interface RedrawWork extends DrawBasics {
  readonly kind: 'redraw';
  /** What is done to it. */
  readonly command: RedrawCommand;
  readonly class: number | string | null;
  /** The canvas of each picture by its number. */
  readonly canvasOf: (picture: number) => Canvas;
  /** What untouched pixels keep their opacity from; undefined where the result is opaque. */
  readonly original?: RgbaImage;
  readonly feather: number;
}

export type DrawWork = SampleWork | RedrawWork;

/** What is known of a picture after a step. */
export interface DrawStep {
  /** Number of the picture, from 0. */
  readonly picture: number;
  /** How many of its tokens are there, and how many there are to draw. */
  readonly done: number;
  readonly total: number;
  /** The picture as it is then, grey where a token is not known yet. */
  readonly preview: () => Promise<RgbImage>;
}

export interface DrawnPicture {
  readonly picture: number;
  /** The class index; null for none. */
  readonly class: number | null;
  readonly width: number;
  readonly height: number;
  /** RGB or RGBA values. */
  readonly data: Uint8Array;
  readonly channels: 3 | 4;
}

export interface DrawListeners {
  readonly onStep?: (step: DrawStep) => void;
  readonly onPicture: (picture: DrawnPicture) => Promise<void> | void;
}

/** Draws what is asked for. @param signal ends the work before its next step, with its reason */
export async function draw(
  model: Model,
  work: DrawWork,
  listeners: DrawListeners,
  signal: AbortSignal,
): Promise<void> {
  if (work.kind === 'sample') await drawWhole(model, work, listeners, signal);
  else await drawParts(model, work, listeners, signal);
}

async function drawWhole(
  model: Model,
  { settings, count, class: wanted, size, rope }: SampleWork,
  { onStep, onPicture }: DrawListeners,
  signal: AbortSignal,
): Promise<void> {
  const { tokenizer, facts } = model;
  const grid = size
    ? { width: size.width / tokenizer.factor, height: size.height / tokenizer.factor }
    : facts.grid;
  const total = tokenCount(facts.codes, grid);
  try {
    await sampleTokens(model, {
      ...settings,
      ...(size && { size }),
      rope,
      signal,
      classes: new Array<typeof wanted>(count).fill(wanted),
      onStep: (picture, _step, codes) => {
        const own = copyCodes(codes);
        onStep?.({
          ...{ picture, done: countKnown(own), total },
          preview: () => decodePartial(tokenizer, own),
        });
      },
      onPicture: async (picture, { classId, codes }) => {
        const image = await tokenizer.decode(codes);
        await onPicture({ picture, class: classId, channels: 3, ...image });
      },
    });
  } finally {
    // Any number of sizes may be asked for; only the trained one stays.
    if (size) await model.releaseSamplers();
  }
}

async function drawParts(
  model: Model,
  { settings, count, class: wanted, canvasOf, original, feather }: RedrawWork,
  { onStep, onPicture }: DrawListeners,
  signal: AbortSignal,
): Promise<void> {
  for (let picture = 0; picture < count; picture++) {
    const redrawn = await inpaint(model, canvasOf(picture), {
      ...settings,
      class: wanted,
      ...{ picture, feather, signal },
      onStep: (step) => onStep?.({ picture, ...step }),
    });
    const { width, height, data } = original ? withOpacityOf(original, redrawn) : redrawn.image;
    await onPicture({ picture, class: redrawn.classId, width, height, data, channels: original ? 4 : 3 });
  }
}

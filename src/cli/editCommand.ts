import { Args, Flags, type Interfaces } from '@oclif/core';
import {
  type Canvas,
  decodeRgba,
  encodePng,
  encodePngWithAlpha,
  featherMask,
  flattenOnWhite,
  hasTransparency,
  inpaint,
  InputError,
  type InpaintResult,
  maskOf,
  type RgbaImage,
  type RgbImage,
  splitPictures,
  UsageError,
} from '../index.js';
import {
  BaseCommand,
  type commonFlags,
  modelFlags,
  requireSeparateOutputs,
  seedFlag,
} from './baseCommand.js';
import { startProgress } from './progress.js';
import { CLASS_DESCRIPTION, samplingFlags, samplingSettings } from './samplingFlags.js';
import { checkOutput, inputName, readInput, requireBinaryOutput, STREAM, writeOutput } from './streams.js';

/** What `--help` says about pictures that are not of the model's size. */
export const WINDOWS_NOTE = `Pictures may have any size: the model is applied at the picture's own resolution to
windows of the model's size, centred on what is to be drawn, or one after another where that is larger. A token is
drawn when any masked pixel touches it; all other pixels stay bit for bit.`;

export const editArgs = {
  image: Args.string({
    description:
      'PNG, JPEG or WebP file, or - for stdin: one picture, PNGs one after another, or JSON lines {"image": base64}',
    required: true,
  }),
};

/** Flags of all commands that change pictures. */
export const editFlags = {
  ...modelFlags,
  ...seedFlag,
  ...samplingFlags,
  class: Flags.string({
    char: 'c',
    description: `${CLASS_DESCRIPTION} (default: none)`,
  }),
  output: Flags.string({ char: 'o', description: 'PNG file, or - for stdout', helpValue: 'PATH' }),
};

/** Flags of commands that take a mask. */
export const maskFlags = {
  mask: Flags.string({
    description: "PNG of the image's size: drawn where it is white, or transparent; grey mixes",
    helpValue: 'FILE',
  }),
  'invert-mask': Flags.boolean({ description: 'draw where the mask is black, or opaque' }),
  feather: Flags.integer({
    description: 'pixels over which new ones fade in, inside the mask',
    default: 0,
    min: 0,
  }),
};

type EditFlags = Interfaces.InferredFlags<typeof editFlags> & Interfaces.InferredFlags<typeof commonFlags>;
type MaskFlags = Interfaces.InferredFlags<typeof maskFlags>;

/** A picture that came in. */
export interface GivenPicture {
  readonly picture: RgbaImage;
  readonly source: string;
}

/** How one picture is worked on. */
interface Edit {
  readonly canvas: Canvas;
  /** What the result's untouched pixels keep their opacity from; undefined where the result has another size. */
  readonly original?: RgbaImage;
  /** Shows the windows as decoded, instead of only their masked pixels. */
  readonly composite?: boolean;
}

/** What inpainting, outpainting and editing share. */
export abstract class EditCommand extends BaseCommand {
  /** The pictures that a path names. */
  protected async readPictures(path: string): Promise<readonly GivenPicture[]> {
    const encoded = splitPictures(await readInput(path), inputName(path));
    return Promise.all(
      encoded.map(async ({ bytes, source }) => ({ picture: await decodeRgba(bytes, source), source })),
    );
  }

  /**
   * The mask for a picture, from a file or from its own transparency.
   * @throws InputError when their sizes differ.
   */
  protected async readMask(flags: MaskFlags, { picture, source }: GivenPicture): Promise<Uint8Array> {
    const { width, height } = picture;
    const given =
      flags.mask === undefined
        ? picture
        : await decodeRgba(await readInput(flags.mask), inputName(flags.mask));
    if (flags.mask === undefined && !hasTransparency(picture))
      throw new UsageError(`${source}: --mask is needed: the picture has no transparent pixels to draw`);
    if (given.width !== width || given.height !== height)
      throw new InputError(
        `${inputName(flags.mask!)}: the mask has ${given.width}×${given.height} pixels, the picture ${source} has ${width}×${height}; they must be equal`,
      );
    const mask = maskOf(given);
    const oriented = flags['invert-mask'] ? mask.map((value) => 255 - value) : mask;
    return featherMask(oriented, width, height, flags.feather);
  }

  /** Draws the masked parts of all pictures and writes the results. */
  protected async redrawAll(flags: EditFlags, edits: readonly Edit[]): Promise<void> {
    const started = performance.now();
    const model = await this.loadModel(flags);
    this.noteClasses(flags, model, flags.class === undefined ? [] : [flags.class]);
    const options = {
      ...samplingSettings(flags, model.generator.config.block_size),
      class: flags.class ?? null,
      seed: this.chooseSeed(flags),
    };
    const bar = startProgress('drawing', edits.length, 'pictures', !flags.quiet);
    const results: InpaintResult[] = [];
    for (const [index, edit] of edits.entries()) {
      if (edit.canvas.mask.every((value) => value === 0))
        this.note(flags, `picture ${index + 1}: nothing is masked, it stays as it is`);
      const redrawn = await inpaint(model, edit.canvas, { ...options, picture: index });
      const image = edit.composite === false ? showWindows(redrawn) : redrawn.image;
      writeOutput(flags.output, encodeResult(image, edit));
      results.push(redrawn);
      bar.update(index + 1);
    }
    bar.stop();
    await model.dispose();
    this.result(flags, {
      file: flags.output,
      seed: options.seed,
      pictures: results.map(({ image: { width, height }, windows }) => ({
        width,
        height,
        windows: windows.map(({ box, drawn }) => ({ ...box, drawn_tokens: drawn.length })),
      })),
      target: model.target.name,
      seconds: Number(((performance.now() - started) / 1000).toFixed(2)),
    });
  }

  /** Refuses outputs that cannot be written before any work is done. */
  protected checkEditOutput(flags: EditFlags, pictures: number): void {
    requireSeparateOutputs(flags);
    requireBinaryOutput(flags.output);
    checkOutput(flags.output);
    if (pictures > 1 && flags.output !== undefined && flags.output !== STREAM)
      throw new UsageError(
        `${pictures} pictures do not fit in the file ${flags.output}; write them to stdout with -o -`,
      );
  }
}

/** The picture with each window wholly as the tokenizer decodes it. */
function showWindows({ image, windows }: InpaintResult): RgbImage {
  const data = Uint8Array.from(image.data);
  for (const { box, decoded } of windows)
    for (let row = 0; row < Math.min(box.height, image.height - box.top); row++) {
      const count = Math.min(box.width, image.width - box.left);
      const from = row * decoded.width * 3;
      data.set(decoded.data.subarray(from, from + count * 3), ((box.top + row) * image.width + box.left) * 3);
    }
  return { ...image, data };
}

/** PNG bytes: with opacity where the picture had some, and there its untouched pixels are the very ones it had. */
function encodeResult(image: RgbImage, { original, canvas, composite }: Edit): Uint8Array {
  if (!original || composite === false || !hasTransparency(original)) return encodePng(image);
  const data = Uint8Array.from(original.data);
  for (const [pixel, value] of canvas.mask.entries()) {
    if (value === 0) continue;
    data.set(image.data.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
    data[pixel * 4 + 3] = 255;
  }
  return encodePngWithAlpha({ width: image.width, height: image.height, data });
}

/** A picture whose masked pixels are to be drawn. */
export function editOf(picture: RgbaImage, mask: Uint8Array, composite = true): Edit {
  return { canvas: { image: flattenOnWhite(picture), mask }, original: picture, composite };
}

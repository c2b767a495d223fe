import { Args, Flags, type Interfaces } from '@oclif/core';
import {
  classTitle,
  commonRecord,
  decodeMask,
  decodeRgba,
  DRAWN_FROM,
  inpaint,
  InputError,
  type InpaintResult,
  maskOf,
  MAX_PIXELS,
  PICTURE_ENCODINGS,
  recordedClass,
  redrawNotes,
  requireAbility,
  resolveSettings,
  type RgbaImage,
  splitPictures,
  transparencyMask,
  UsageError,
} from '../index.js';
import {
  BaseCommand,
  type commonFlags,
  modelFlags,
  precisionFlag,
  namesFolder,
  requireSeparateOutputs,
  seedFlag,
} from './baseCommand.js';
import { type Edit, type EditOutput, encodeResult, requireWritable } from './editResult.js';
import { GROUPS } from './flagGroups.js';
import { ensureFolder, isSingleFile, pictureFile, scaledSize, type WrittenFile } from './imageOutput.js';
import { chooseOutput, outputFlags } from './outputFormat.js';
import { startProgress } from './progress.js';
import { CLASS_DESCRIPTION, ownFlags, samplingFlags, samplingSettings } from './samplingFlags.js';
import { checkOutput, inputName, readInput, requireBinaryOutput, STREAM, writeOutput } from './streams.js';
import { writtenLine } from './written.js';

/** What `--help` says about pictures that are not of the model's size. */
export const WINDOWS_NOTE = `Pictures may have any size: the model is applied at the picture's own resolution to
windows of the model's size, centred on what is to be drawn, or one after another where that is larger. Pixels outside
the tokens that are drawn stay bit for bit.`;

/** The most results of a command: as many pictures as one seed draws differently. */
const MAX_RESULTS = 2 ** 16;

export const editArgs = {
  image: Args.string({
    description:
      'PNG, JPEG or WebP file, or - for stdin: pictures one after another, or JSON lines {"image": base64}',
    required: true,
  }),
};

/** Flags of all commands that change pictures. */
export const editFlags = {
  ...modelFlags,
  ...precisionFlag,
  ...seedFlag,
  ...samplingFlags,
  ...ownFlags,
  class: Flags.string({
    char: 'c',
    helpValue: 'NAME',
    description: `${CLASS_DESCRIPTION} (default: none)`,
  }),
  count: Flags.integer({
    char: 'n',
    description: 'results for each picture, each drawn with other random numbers',
    default: 1,
    min: 1,
    max: MAX_RESULTS,
  }),
  ...outputFlags(PICTURE_ENCODINGS),
  output: Flags.string({
    char: 'o',
    helpGroup: GROUPS.output,
    description: 'PNG, JPEG or WebP file, folder (with a slash) or - for stdout',
    helpValue: 'PATH',
  }),
};

/** More than any picture has along a side. */
const MAX_FEATHER = 65_535;

/** Flags of commands that take a mask. */
export const maskFlags = {
  mask: Flags.string({
    description:
      "PNG, JPEG or WebP of the image's size: tokens are drawn where it is at least half white; see the description for grey and transparency",
    helpValue: 'FILE',
  }),
  'invert-mask': Flags.boolean({ description: 'draw where the mask is black, or opaque' }),
  feather: Flags.integer({
    description: 'pixels over which new ones fade in, inside the mask',
    default: 0,
    min: 0,
    max: MAX_FEATHER,
  }),
};

type CommonFlags = Interfaces.InferredFlags<typeof commonFlags>;
type EditFlags = Interfaces.InferredFlags<typeof editFlags> & CommonFlags;
type MaskFlags = Interfaces.InferredFlags<typeof maskFlags>;

/** A picture that came in. */
export interface GivenPicture {
  readonly picture: RgbaImage;
  readonly source: string;
}

/** What inpainting, outpainting and editing share. */
export abstract class EditCommand extends BaseCommand {
  /**
   * The pictures that a path names.
   * @throws InputError when they have more pixels together than can be held at once.
   */
  protected async readPictures(path: string): Promise<readonly GivenPicture[]> {
    const name = inputName(path);
    const encoded = splitPictures(await readInput(path), name, path === STREAM ? 'refused' : 'ignored');
    const given: GivenPicture[] = [];
    let pixels = 0;
    for (const { bytes, source } of encoded) {
      const picture = await decodeRgba(bytes, source);
      pixels += picture.width * picture.height;
      if (pixels > MAX_PIXELS)
        throw new InputError(
          `${source}: more than ${MAX_PIXELS} pixels in all: send fewer pictures at a time`,
        );
      given.push({ picture, source });
    }
    return given;
  }

  /**
   * The mask for each picture, from a file or from its own transparency; says how it was read where that is a choice.
   * @param image the path that the pictures came from
   * @throws InputError when their sizes differ.
   */
  protected async readMasks(
    flags: MaskFlags & CommonFlags,
    pictures: readonly GivenPicture[],
    image: string,
  ): Promise<readonly Uint8Array[]> {
    const read = flags.mask === undefined ? undefined : await this.readMaskFile(flags, flags.mask, image);
    return pictures.map(({ picture, source }) => {
      const { width, height } = picture;
      if (read && (read.width !== width || read.height !== height))
        throw new InputError(
          `${inputName(flags.mask!)}: the mask has ${read.width}×${read.height} pixels, the picture ${source} has ${width}×${height}; they must be equal`,
        );
      const mask = read?.mask ?? transparencyMask(picture);
      if (!read && !drawsAnything(mask))
        throw new UsageError(`${source}: --mask is needed: the picture has no transparent pixels to draw`);
      return flags['invert-mask'] ? mask.map((value) => 255 - value) : mask;
    });
  }

  private async readMaskFile(
    flags: CommonFlags,
    path: string,
    image: string,
  ): Promise<{ readonly width: number; readonly height: number; readonly mask: Uint8Array }> {
    if (path === STREAM && image === STREAM)
      throw new UsageError('the picture and the mask cannot both come from stdin: name a file for one');
    const { picture, note } = await decodeMask(await readInput(path), inputName(path));
    const read = maskOf(picture, inputName(path));
    for (const line of [note, read.note]) if (line !== undefined) this.note(flags, line);
    return { width: picture.width, height: picture.height, mask: read.mask };
  }

  /** Draws the masked parts of all pictures and writes the results. */
  protected async redrawAll(
    flags: EditFlags & { readonly feather?: number },
    edits: readonly Edit[],
    choice: EditOutput,
  ): Promise<void> {
    const started = performance.now();
    for (const { image } of edits) requireWritable(image, choice);
    const model = await this.loadModel(flags);
    requireAbility(model.generator.system, 'known');
    this.noteClasses(flags, model, flags.class === undefined ? [] : [flags.class]);
    const options = {
      ...samplingSettings(flags, model.facts.grid.height * model.facts.grid.width),
      class: flags.class ?? null,
      seed: this.chooseSeed(flags),
      feather: flags.feather ?? 0,
    };
    const common = flags.metadata
      ? await commonRecord(this.id ?? 'edit', this.config.version, model)
      : undefined;
    const settings = resolveSettings(options, model.generator, model.facts.grid);
    const notes = common && redrawNotes(model, common, { settings, form: choice, feather: options.feather });
    const total = edits.length * flags.count;
    const bar = startProgress('drawing', total, 'pictures', !flags.quiet);
    const files: WrittenFile[] = [];
    const pictures: object[] = [];
    let classId: number | null = null;
    for (let result = 0; result < total; result++) {
      const index = Math.floor(result / flags.count);
      const edit = edits[index]!;
      const canvas = { image: edit.image, mask: edit.maskOf(result) };
      if (!drawsAnything(canvas.mask)) this.note(flags, nothingMasked(index, canvas.mask));
      const redrawn = await inpaint(model, canvas, {
        ...options,
        picture: result,
        onProgress: (share) => bar.update(result + share),
      });
      ({ classId } = redrawn);
      const bytes = await encodeResult(redrawn, edit, choice, notes?.(result, classId));
      const path = outputFile(flags.output, result, choice);
      await writeOutput(path, bytes);
      if (path !== undefined) files.push({ path, size: scaledSize(redrawn.image, choice.scale) });
      pictures.push(summaryOf(redrawn));
      bar.update(result + 1);
    }
    bar.stop();
    await model.dispose();
    const title = classId === null ? [] : [classTitle(recordedClass(classId, model.generator.labels))];
    const line = writtenLine(files, flags.output, [...title, `seed ${options.seed}`].join(', '));
    if (line !== undefined) this.note(flags, line);
    await this.result(flags, {
      file: flags.output,
      files: files.map(({ path }) => path),
      seed: options.seed,
      pictures,
      target: model.target.name,
      seconds: Number(((performance.now() - started) / 1000).toFixed(2)),
    });
  }

  /** Refuses formats that cannot be written before anything is read. */
  protected chooseEditOutput(flags: EditFlags): EditOutput {
    requireSeparateOutputs(flags);
    requireBinaryOutput(flags.output);
    return chooseOutput(flags, PICTURE_ENCODINGS);
  }

  /** Refuses outputs that cannot be written before any work is done. */
  protected checkEditOutput(flags: EditFlags, pictures: number): void {
    checkOutput(flags.output);
    const results = pictures * flags.count;
    if (results > MAX_RESULTS)
      throw new UsageError(
        `--count ${flags.count} of ${pictures} pictures are ${results}; at most ${MAX_RESULTS} are drawn at once`,
      );
    if (results > 1 && isSingleFile(flags.output))
      throw new UsageError(
        `${results} pictures do not fit in the file ${flags.output}; name a folder with a slash at the end, or write them to stdout with -o -`,
      );
  }
}

/** What `--json` says of a result. */
function summaryOf({ image: { width, height }, windows }: InpaintResult): object {
  return {
    width,
    height,
    windows: windows.map(({ box, drawn }) => ({ ...box, drawn_tokens: drawn.length })),
  };
}

/** Where a picture's result goes; undefined for stdout. */
function outputFile(output: string | undefined, index: number, { encoding }: EditOutput): string | undefined {
  if (output === undefined || output === STREAM) return undefined;
  if (namesFolder(output)) ensureFolder(output);
  return pictureFile(output, index, encoding);
}

function drawsAnything(mask: Uint8Array): boolean {
  return mask.some((value) => value >= DRAWN_FROM);
}

/** Why a picture stays as it is. */
function nothingMasked(index: number, mask: Uint8Array): string {
  const brightest = mask.reduce((largest, value) => Math.max(largest, value), 0);
  const reason =
    brightest === 0 ? '' : ` (its mask is at most ${brightest} of 255, and draws from ${DRAWN_FROM} on)`;
  return `picture ${index + 1}: nothing is masked, it stays as it is${reason}`;
}

import { Flags } from '@oclif/core';
import {
  ANIMATION_FORMATS,
  decodePartial,
  encodeAnimation,
  formatTokenLine,
  largerNote,
  pictureGrid,
  requireMatchingParts,
  requireMemory,
  type RgbImage,
  ROPE_SCALINGS,
  type RopeScaling,
  sampleTokens,
  UsageError,
} from '../src/index.js';
import { GROUPS } from '../src/cli/flagGroups.js';
import {
  BaseCommand,
  modelFlags,
  precisionFlag,
  requireSeparateOutputs,
  seedFlag,
} from '../src/cli/baseCommand.js';
import {
  arrange,
  checkImageOutput,
  checkImageSize,
  IMAGE_FORMATS,
  isSeparate,
  isSingleFile,
  picturesThere,
  writeImage,
  writeFrames,
  writeImages,
} from '../src/cli/imageOutput.js';
import { chooseOutput, outputFlags } from '../src/cli/outputFormat.js';
import { parsePixelSize } from '../src/cli/numbers.js';
import { startProgress } from '../src/cli/progress.js';
import { CLASS_DESCRIPTION, ownFlags, samplingFlags, samplingSettings } from '../src/cli/samplingFlags.js';
import { requireBinaryOutput, STREAM, writeOutput } from '../src/cli/streams.js';

/** What the command writes; of formats with one extension, the first is what the extension alone means. */
const FORMATS = [...IMAGE_FORMATS, ...ANIMATION_FORMATS, 'tokens'] as const;

/** The most pictures of a command, and of a batch: a guard against slips of the finger. */
const MAX_PICTURES = 1_000_000;
const MAX_BATCH = 2 ** 16;
const BYTES_PER_TOKEN = 4;

export default class Sample extends BaseCommand {
  static override summary = 'Draw images of a class.';
  static override description =
    `Samples tokens, several at a step and in a random order where the model's system can, and decodes them to images.
An image depends on the seed and its number alone: the same command gives the same picture whatever --batch is.
Pictures in a folder are written as they are finished; --resume draws those that are missing.`;
  static override examples = [
    '<%= config.bin %> sample --class 3 -o three.png',
    '<%= config.bin %> sample --model arpg-l --class 207 --class "tabby cat" --count 8 --format grid -o cats.png',
    '<%= config.bin %> sample --class 3 --class 8 --format gif -o steps.gif',
    '<%= config.bin %> sample --class 3 --size 64x32 --rope extend -o wide.png',
    '<%= config.bin %> sample --class 3 --count 100 --seed 7 -o samples/',
    '<%= config.bin %> sample --class 3 --format tokens | <%= config.bin %> detokenize -o three.png',
  ];
  static override flags = {
    ...modelFlags,
    ...precisionFlag,
    ...seedFlag,
    class: Flags.string({
      char: 'c',
      helpValue: 'NAME',
      description: `${CLASS_DESCRIPTION}; may be repeated`,
      multiple: true,
      required: true,
    }),
    count: Flags.integer({
      char: 'n',
      description: 'images of each class',
      default: 1,
      min: 1,
      max: MAX_PICTURES,
    }),
    ...samplingFlags,
    ...ownFlags,
    size: Flags.string({
      description: 'pixels of the picture, whole tokens along each side (default: the trained size)',
      helpValue: 'WxH',
    }),
    rope: Flags.string({
      helpGroup: GROUPS.sampling,
      description: 'with --size: go on beyond the trained positions, or squeeze all into their range',
      options: [...ROPE_SCALINGS],
      default: 'extend',
    }),
    batch: Flags.integer({
      helpGroup: GROUPS.machine,
      description: 'images sampled together',
      default: 4,
      min: 1,
      max: MAX_BATCH,
    }),
    resume: Flags.boolean({
      helpGroup: GROUPS.output,
      description:
        'with a seed and a folder: leave pictures that are there as they are, and draw the missing ones',
      dependsOn: ['seed'],
    }),
    frames: Flags.string({
      helpGroup: GROUPS.output,
      description: 'also write a picture of each step into this folder, grey where no token is known yet',
      helpValue: 'DIR',
    }),
    ...outputFlags(FORMATS, '; gif and apng show the picture step by step'),
    output: Flags.string({
      char: 'o',
      helpGroup: GROUPS.output,
      description: 'file, folder (with a slash) or - for stdout',
      helpValue: 'PATH',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Sample);
    const started = performance.now();
    requireSeparateOutputs(flags);
    const count = flags.class.length * flags.count;
    if (count > MAX_PICTURES)
      throw new UsageError(
        `--count ${flags.count} of ${flags.class.length} classes are ${count} pictures; at most ${MAX_PICTURES} are drawn at once`,
      );
    const choice = chooseOutput(flags, FORMATS);
    const { format } = choice;
    const asTokens = format === 'tokens';
    if (asTokens && flags.frames !== undefined)
      throw new UsageError('--frames needs pictures: use another --format than tokens');
    if (flags.resume && (isSingleFile(flags.output) || (flags.output ?? STREAM) === STREAM))
      throw new UsageError('--resume is for pictures in a folder: name one with -o and a slash at the end');
    if (!asTokens) requireBinaryOutput(flags.output);
    checkImageOutput(flags.output, format, count);
    const model = await this.loadModel(flags);
    this.noteClasses(flags, model, flags.class);
    const size = flags.size === undefined ? undefined : parsePixelSize(flags.size, '--size');
    const wanted = size && pictureGrid(size, model.tokenizer.factor);
    const { grid: trained } = model.facts;
    const { width: columns, height: rows } = wanted ?? trained;
    const larger = wanted && largerNote(wanted, trained, model.tokenizer.factor);
    if (larger !== undefined) this.note(flags, larger);
    const tokens = columns * rows;
    const animation = ANIMATION_FORMATS.find((moving) => moving === format);
    const imageFormat = IMAGE_FORMATS.find((still) => still === format);
    const keepsFrames = flags.frames !== undefined || animation !== undefined;
    const states = keepsFrames ? 1 + Math.min(flags.steps ?? tokens, tokens) : 1;
    const factor = asTokens ? 0 : model.tokenizer.factor;
    const pixels = tokens * factor ** 2;
    requireMemory(count * states * (BYTES_PER_TOKEN * tokens + 3 * pixels), `${count} pictures`);
    const classes = flags.class.flatMap((name) => new Array<string>(flags.count).fill(name));
    if (!asTokens) requireMatchingParts(model, 'decode');
    if (imageFormat)
      checkImageSize({ width: columns * factor, height: rows * factor }, count, {
        ...choice,
        format: imageFormat,
      });
    const there =
      flags.resume && imageFormat && isSeparate(imageFormat)
        ? picturesThere(flags.output, count, { ...choice, format: imageFormat })
        : new Set<number>();
    const missing = count - there.size;
    if (there.size > 0) this.note(flags, `${there.size} of ${count} pictures are there already`);
    const bar = startProgress('sampling', missing, 'pictures', !flags.quiet);
    const files: string[] = [];
    // Step by step, each picture's tokens so far.
    const history: Int32Array[][] = [];
    const { pictures, grid, seed, steps } = await sampleTokens(model, {
      ...samplingSettings(flags, tokens),
      classes,
      seed: this.chooseSeed(flags),
      rope: flags.rope as RopeScaling,
      batch: flags.batch,
      ...(size && { size }),
      skip: there,
      onProgress: (_done, _total, share) => bar.update(share * missing),
      // Its weights and the decoder's maps need not be in memory together.
      onSampled: () => model.releaseSamplers(),
      onPicture: async (picture, { tokens: own }, shape) => {
        if (!imageFormat || !isSeparate(imageFormat)) return;
        const image = await model.tokenizer.decode({ tokens: own, grid: shape });
        files.push(...(await writeImage(image, picture, { ...choice, format: imageFormat }, flags.output)));
      },
      onStep: (picture, step, tokens) => {
        if (!keepsFrames) return;
        history[step] ??= [];
        history[step][picture] = tokens.slice();
      },
    });
    bar.stop();
    this.detail(flags, `sampled after ${seconds(started)} s`);
    if (asTokens) {
      const lines = pictures.map(({ tokens, classId }) =>
        formatTokenLine({
          tokens: Array.from(tokens),
          grid: [grid.height, grid.width],
          ...(classId !== null && { class_id: classId }),
        }),
      );
      await writeOutput(flags.output, lines.join(''));
      if (flags.output !== undefined) files.push(flags.output);
    } else {
      const frames: RgbImage[] = [];
      for (const step of history) {
        const parts: RgbImage[] = [];
        for (const tokens of step) parts.push(await decodePartial(model.tokenizer, { tokens, grid }));
        frames.push(arrange(parts));
      }
      if (flags.frames !== undefined) files.push(...(await writeFrames(flags.frames, frames)));
      if (animation) {
        await writeOutput(flags.output, await encodeAnimation(frames, animation));
        if (flags.output !== undefined) files.push(flags.output);
      } else if (imageFormat && !isSeparate(imageFormat)) {
        const images: RgbImage[] = [];
        for (const { tokens } of pictures) images.push(await model.tokenizer.decode({ tokens, grid }));
        files.push(...(await writeImages(images, { ...choice, format: imageFormat }, flags.output)));
      }
    }
    await model.dispose();
    this.detail(flags, `done after ${seconds(started)} s, peak memory ${peakMegabytes()} MB`);
    await this.result(flags, {
      files,
      class_ids: pictures.map(({ classId }) => classId),
      seed,
      steps,
      model: flags.model,
      target: model.target.name,
      seconds: Number(seconds(started)),
      peak_memory_mb: peakMegabytes(),
    });
  }
}

function seconds(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(2);
}

/** The most memory that the process has held, in units of 10⁶ bytes. */
function peakMegabytes(): number {
  return Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
}

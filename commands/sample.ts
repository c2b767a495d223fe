import { Flags } from '@oclif/core';
import { type Grid, ROPE_SCALINGS, type RopeScaling } from '../graphs/rotary.js';
import { sampleImages } from '../src/arpg/sampleImages.js';
import { createSampler } from '../src/arpg/sampler.js';
import { arpgConfig } from '../src/arpg/config.js';
import { findClass, type Labels } from '../src/checkpoints/labels.js';
import { openGenerator, openTokenizer } from '../src/checkpoints/modelFolder.js';
import { BaseCommand, modelFlags, requireSeparateOutputs, seedFlag } from '../src/cli/baseCommand.js';
import {
  arrange,
  checkImageOutput,
  IMAGE_FORMATS,
  type ImageFormat,
  writeFrames,
  writeImages,
} from '../src/cli/imageOutput.js';
import { startProgress } from '../src/cli/progress.js';
import { samplingFlags, samplingSettings, stepsFor } from '../src/cli/samplingFlags.js';
import { checkOutput, requireBinaryOutput, writeOutput } from '../src/cli/streams.js';
import { ANIMATION_FORMATS, encodeAnimation } from '../src/data/animation.js';
import type { RgbImage } from '../src/data/image.js';
import { formatTokenLine } from '../src/data/tokenLines.js';
import { UsageError } from '../src/errors.js';
import { decodePartial } from '../src/tokenizer/partialImage.js';
import { createTokenizer } from '../src/tokenizer/tokenizer.js';
import { vqConfig } from '../src/tokenizer/config.js';

/** The most tokens of a picture, a guard against slips of the finger. */
const MAX_TOKENS = 1 << 16;

export default class Sample extends BaseCommand {
  static override summary = 'Draw images of a class.';
  static override description =
    `Samples tokens in a random order, several at a step, and decodes them to images.
An image depends on the seed and its number alone: the same command gives the same picture whatever --batch is.`;
  static override examples = [
    '<%= config.bin %> sample --class 3 -o three.png',
    '<%= config.bin %> sample --model arpg-l --class 207 --class "tabby cat" --count 8 --format grid -o cats.png',
    '<%= config.bin %> sample --class 3 --class 8 --format gif -o steps.gif',
    '<%= config.bin %> sample --class 3 --size 56x28 --rope extend -o wide.png',
    '<%= config.bin %> sample --class 3 --count 100 --seed 7 -o samples/',
    '<%= config.bin %> sample --class 3 --format tokens | <%= config.bin %> detokenize -o three.png',
  ];
  static override flags = {
    ...modelFlags,
    ...seedFlag,
    class: Flags.string({
      char: 'c',
      description: 'class index or name; may be repeated',
      multiple: true,
      required: true,
    }),
    count: Flags.integer({ description: 'images of each class', default: 1, min: 1 }),
    ...samplingFlags,
    size: Flags.string({
      description: 'pixels of the picture, whole tokens along each side (default: the trained size)',
      helpValue: 'WxH',
    }),
    rope: Flags.string({
      description: 'with --size: go on beyond the trained positions, or squeeze all into their range',
      options: [...ROPE_SCALINGS],
      default: 'extend',
    }),
    batch: Flags.integer({ description: 'images sampled together', default: 4, min: 1 }),
    frames: Flags.string({
      description: 'also write a picture of each step into this folder, grey where no token is known yet',
      helpValue: 'DIR',
    }),
    format: Flags.string({
      description: 'what to write; gif and apng show the picture step by step',
      options: [...IMAGE_FORMATS, ...ANIMATION_FORMATS, 'tokens'],
      default: 'png',
    }),
    output: Flags.string({
      char: 'o',
      description: 'file, folder (with a slash) or - for stdout',
      helpValue: 'PATH',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Sample);
    const started = performance.now();
    requireSeparateOutputs(flags);
    const count = flags.class.length * flags.count;
    const asTokens = flags.format === 'tokens';
    if (asTokens && flags.frames !== undefined)
      throw new UsageError('--frames needs pictures: use another --format than tokens');
    if (asTokens) checkOutput(flags.output);
    else {
      requireBinaryOutput(flags.output);
      checkImageOutput(flags.output, flags.format as ImageFormat, count);
    }
    const model = openGenerator(flags.model);
    const config = arpgConfig(model.config);
    const tokenizerModel = asTokens && flags.size === undefined ? undefined : openTokenizer(flags.model);
    const grid =
      flags.size === undefined || !tokenizerModel
        ? config.grid
        : gridFor(flags.size, 2 ** (tokenizerModel.config.ch_mult.length - 1));
    const positions = grid.height * grid.width;
    const settings = {
      ...samplingSettings(flags, positions),
      steps: stepsFor(flags.steps, positions),
      batch: flags.batch,
    };
    const classIds = classesOf(flags.class, flags.count, config.classes, model.labels);
    const seed = this.chooseSeed(flags);
    const target = await this.chooseTarget(flags);
    const sampler = await createSampler(config, model.weights, target, grid, flags.rope as RopeScaling);
    this.detail(flags, `model ready after ${seconds(started)} s`);
    const bar = startProgress('sampling', count * settings.steps, 'steps', !flags.quiet);
    const animation = ANIMATION_FORMATS.find((format) => format === flags.format);
    const keepsFrames = flags.frames !== undefined || animation !== undefined;
    // Step by step, each image's tokens so far.
    const history: Int32Array[][] = Array.from({ length: settings.steps }, () => []);
    const tokens = await sampleImages(
      sampler,
      classIds,
      { ...settings, seed },
      bar.update,
      (image, step, soFar) => {
        if (keepsFrames) history[step]![image] = soFar.slice();
      },
    );
    bar.stop();
    await sampler.dispose();
    this.detail(flags, `sampled after ${seconds(started)} s`);
    const files: string[] = [];
    if (tokenizerModel && !asTokens) {
      const tokenizer = createTokenizer(vqConfig(tokenizerModel.config), tokenizerModel.weights, target);
      const frames: RgbImage[] = [];
      for (const step of keepsFrames ? history : []) {
        const parts: RgbImage[] = [];
        for (const imageTokens of step)
          parts.push(await decodePartial(tokenizer, { tokens: imageTokens, grid }));
        frames.push(arrange(parts));
      }
      if (flags.frames !== undefined) files.push(...writeFrames(flags.frames, frames));
      if (animation) {
        writeOutput(flags.output, await encodeAnimation(frames, animation));
        if (flags.output !== undefined) files.push(flags.output);
      } else {
        const images = [];
        for (const imageTokens of tokens) images.push(await tokenizer.decode({ tokens: imageTokens, grid }));
        files.push(...(await writeImages(images, flags.format as ImageFormat, flags.output)));
      }
      await tokenizer.dispose();
    } else {
      const lines = tokens.map((imageTokens, index) =>
        formatTokenLine({
          tokens: Array.from(imageTokens),
          grid: [grid.height, grid.width],
          class_id: classIds[index]!,
        }),
      );
      writeOutput(flags.output, lines.join(''));
      if (flags.output !== undefined) files.push(flags.output);
    }
    this.detail(flags, `done after ${seconds(started)} s, peak memory ${peakMegabytes()} MB`);
    this.result(flags, {
      files,
      class_ids: classIds,
      seed,
      steps: settings.steps,
      model: flags.model,
      target: target.name,
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

/** Tokens along each side of a picture. */
function gridFor(size: string, factor: number): Grid {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(size) ?? [];
  const [columns, rows] = [Number(width) / factor, Number(height) / factor];
  if (!(columns >= 1 && rows >= 1 && Number.isInteger(columns) && Number.isInteger(rows)))
    throw new UsageError(
      `--size ${size} is not WxH with both sides a multiple of ${factor}, such as ${8 * factor}x${4 * factor}`,
    );
  if (columns * rows > MAX_TOKENS)
    throw new UsageError(`--size ${size} makes ${columns * rows} tokens; at most ${MAX_TOKENS} are allowed`);
  return { height: rows, width: columns };
}

function classesOf(
  wanted: readonly string[],
  count: number,
  classes: number,
  labels: Labels,
): readonly number[] {
  return wanted.flatMap((name) => new Array<number>(count).fill(findClass(name, classes, labels)));
}

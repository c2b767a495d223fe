import { Flags } from '@oclif/core';
import { GUIDANCE_SCHEDULES, type GuidanceSchedule } from '../src/arpg/guidance.js';
import { sampleImages } from '../src/arpg/sampleImages.js';
import { readOrder } from '../src/arpg/orderFile.js';
import { SCHEDULES, type Schedule } from '../src/arpg/schedule.js';
import { createSampler } from '../src/arpg/sampler.js';
import { arpgConfig } from '../src/arpg/config.js';
import { findClass, type Labels } from '../src/checkpoints/labels.js';
import { openGenerator, openTokenizer } from '../src/checkpoints/modelFolder.js';
import { BaseCommand, modelFlags, requireSeparateOutputs, seedFlag } from '../src/cli/baseCommand.js';
import { checkImageOutput, IMAGE_FORMATS, type ImageFormat, writeImages } from '../src/cli/imageOutput.js';
import { startProgress } from '../src/cli/progress.js';
import { checkOutput, requireBinaryOutput, writeOutput } from '../src/cli/streams.js';
import { formatTokenLine } from '../src/data/tokenLines.js';
import { UsageError } from '../src/errors.js';
import { createTokenizer } from '../src/tokenizer/tokenizer.js';
import { vqConfig } from '../src/tokenizer/config.js';

/** Steps where none are given: the paper's best setting, or every token by itself in a small model. */
const DEFAULT_STEPS = 64;

export default class Sample extends BaseCommand {
  static override summary = 'Draw images of a class.';
  static override description =
    `Samples tokens in a random order, several at a step, and decodes them to images.
An image depends on the seed and its number alone: the same command gives the same picture whatever --batch is.`;
  static override examples = [
    '<%= config.bin %> sample --class 3 -o three.png',
    '<%= config.bin %> sample --model arpg-l --class 207 --class "tabby cat" --count 8 --format grid -o cats.png',
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
    steps: Flags.integer({
      description: `steps of an image (default: ${DEFAULT_STEPS}, at most one per token)`,
      min: 1,
    }),
    schedule: Flags.string({
      description: 'how the number of tokens grows from step to step',
      options: [...SCHEDULES],
      default: 'arccos',
    }),
    guidance: Flags.string({
      description: 'classifier-free guidance scale; 1 is none',
      default: '4',
      helpValue: 'G',
    }),
    'guidance-schedule': Flags.string({
      description: 'whether guidance is the same at all steps or grows from 1',
      options: [...GUIDANCE_SCHEDULES],
      default: 'linear',
    }),
    temperature: Flags.string({ description: 'divides the logits', default: '1', helpValue: 'T' }),
    'top-k': Flags.integer({ description: 'keep the k most likely tokens; 0 keeps all', default: 0, min: 0 }),
    'top-p': Flags.string({
      description: 'keep the most likely tokens up to this mass',
      default: '1',
      helpValue: 'P',
    }),
    order: Flags.string({
      description: 'random, raster, or a JSON file with an array of positions',
      default: 'random',
      helpValue: 'ORDER',
    }),
    batch: Flags.integer({ description: 'images sampled together', default: 4, min: 1 }),
    format: Flags.string({
      description: 'what to write',
      options: [...IMAGE_FORMATS, 'tokens'],
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
    if (asTokens) checkOutput(flags.output);
    else {
      requireBinaryOutput(flags.output);
      checkImageOutput(flags.output, flags.format as ImageFormat, count);
    }
    const model = openGenerator(flags.model);
    const config = arpgConfig(model.config);
    const tokenizerModel = asTokens ? undefined : openTokenizer(flags.model);
    const positions = config.grid.height * config.grid.width;
    const settings = {
      steps: stepsFor(flags.steps, positions),
      schedule: flags.schedule as Schedule,
      guidance: parseNumber(flags.guidance, '--guidance', 0),
      guidanceSchedule: flags['guidance-schedule'] as GuidanceSchedule,
      temperature: parseNumber(flags.temperature, '--temperature', 0),
      topK: flags['top-k'],
      topP: parseNumber(flags['top-p'], '--top-p', 0, 1),
      order: readOrder(flags.order, positions),
      batch: flags.batch,
    };
    const classIds = classesOf(flags.class, flags.count, config.classes, model.labels);
    const seed = this.chooseSeed(flags);
    const target = await this.chooseTarget(flags);
    const sampler = await createSampler(config, model.weights, target);
    this.detail(flags, `model ready after ${seconds(started)} s`);
    const bar = startProgress('sampling', count * settings.steps, 'steps', !flags.quiet);
    const tokens = await sampleImages(sampler, classIds, { ...settings, seed }, bar.update);
    bar.stop();
    await sampler.dispose();
    this.detail(flags, `sampled after ${seconds(started)} s`);
    const { grid } = config;
    const files: string[] = [];
    if (tokenizerModel) {
      const tokenizer = createTokenizer(vqConfig(tokenizerModel.config), tokenizerModel.weights, target);
      const images = [];
      for (const imageTokens of tokens) images.push(await tokenizer.decode({ tokens: imageTokens, grid }));
      await tokenizer.dispose();
      files.push(...(await writeImages(images, flags.format as ImageFormat, flags.output)));
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

function stepsFor(given: number | undefined, positions: number): number {
  if (given !== undefined && given > positions)
    throw new UsageError(
      `--steps ${given} is more than the model's ${positions} tokens; use 1 to ${positions}`,
    );
  return given ?? Math.min(DEFAULT_STEPS, positions);
}

function parseNumber(text: string, flag: string, min: number, max = Number.POSITIVE_INFINITY): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max)
    throw new UsageError(
      `${flag} ${text} is not a number ${max === Number.POSITIVE_INFINITY ? `≥ ${min}` : `from ${min} to ${max}`}`,
    );
  return value;
}

function classesOf(
  wanted: readonly string[],
  count: number,
  classes: number,
  labels: Labels,
): readonly number[] {
  return wanted.flatMap((name) => new Array<number>(count).fill(findClass(name, classes, labels)));
}

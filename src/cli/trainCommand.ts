import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Flags, type Interfaces } from '@oclif/core';
import type { JSONSchemaType } from 'ajv';
import {
  ADAMW_DEFAULTS,
  type AdamWOptions,
  createRun,
  encodePng,
  EXIT_CODES,
  InputError,
  lossCurvePng,
  readCheckpoint,
  readJsonFile,
  readLog,
  readRunSettings,
  type RgbImage,
  type Target,
  train,
  trainedWeights,
  type TrainingResult,
  type TrainingSettings,
  UsageError,
  type Weights,
  writeFileAtomically,
  writeModelFolder,
} from '../index.js';
import { BaseCommand, type commonFlags, modelFlags, seedFlag } from './baseCommand.js';
import { parseNumber } from './numbers.js';
import { startProgress } from './progress.js';

/** What both trainings keep in `run.json`. */
export interface SharedRunSettings {
  readonly data: string;
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  readonly learning_rate: number;
  readonly warmup: number;
  readonly ema: number;
  readonly holdout: number;
  readonly checkpoint_every: number;
  /** Parts that each batch is worked on in. */
  readonly accumulate: number;
  readonly recompute: boolean;
  readonly flip: boolean;
  /** Model folder whose weights to start from; empty for none. */
  readonly init: string;
}

const positive = { type: 'integer', minimum: 1 } as const;

/** The schema of the shared settings' fields. */
export const sharedSettingsSchema = {
  data: { type: 'string' },
  seed: { type: 'integer', minimum: 0 },
  steps: positive,
  batch: positive,
  learning_rate: { type: 'number', exclusiveMinimum: 0 },
  warmup: { type: 'integer', minimum: 0 },
  ema: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  holdout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  checkpoint_every: positive,
  accumulate: positive,
  recompute: { type: 'boolean' },
  flip: { type: 'boolean' },
  init: { type: 'string' },
} as const satisfies Record<keyof SharedRunSettings, JSONSchemaType<string> | object>;

/** The names of the shared settings' fields, all of which a run has. */
export const sharedSettingsFields = Object.keys(sharedSettingsSchema) as (keyof SharedRunSettings)[];

/** Beyond these steps lie the random numbers of validation. */
const MAX_STEPS = 2 ** 24 - 1;
const MAX_BATCH = 2 ** 16;

/** Flags of both trainings. */
export const trainFlags = {
  data: Flags.string({
    description:
      'folder of class folders with PNG, JPEG or WebP files, nested ones for groups of classes; folder with IDX files (MNIST); .npz archive. Of several parts, the one named train is used',
    helpValue: 'PATH',
  }),
  out: Flags.string({ description: 'run folder to make', helpValue: 'RUN' }),
  resume: Flags.string({
    description: 'continue this run from its latest checkpoint',
    helpValue: 'RUN',
    exclusive: ['out', 'data', 'seed'],
  }),
  steps: Flags.integer({ description: 'optimiser steps', default: 1000, min: 1, max: MAX_STEPS }),
  batch: Flags.integer({ description: 'images a step', default: 32, min: 1, max: MAX_BATCH }),
  lr: Flags.string({
    description: 'peak learning rate; it falls to a tenth along a cosine',
    default: '0.001',
    helpValue: 'RATE',
  }),
  warmup: Flags.integer({ description: 'steps over which the learning rate rises', default: 50, min: 0 }),
  ema: Flags.string({
    description: 'decay of averaged weights, which are then kept; 0 keeps the last',
    default: '0',
    helpValue: 'DECAY',
  }),
  holdout: Flags.string({
    description: 'share of the images to validate on',
    default: '0.02',
    helpValue: 'SHARE',
  }),
  'checkpoint-every': Flags.integer({ description: 'steps between checkpoints', default: 100, min: 1 }),
  accumulate: Flags.integer({
    description: 'parts that a batch is worked on in, one after the other, to save memory',
    default: 1,
    min: 1,
  }),
  recompute: Flags.boolean({
    description: 'save memory: compute what happens inside each block again for its gradient',
    default: false,
  }),
  flip: Flags.boolean({ description: 'mirror every other image', default: false }),
  init: Flags.string({
    description: 'start from the weights of this model folder instead of random ones',
    helpValue: 'DIR',
    default: '',
  }),
  target: modelFlags.target,
  'allow-fallback': modelFlags['allow-fallback'],
  threads: modelFlags.threads,
  ...seedFlag,
};

type CommonFlags = Interfaces.InferredFlags<typeof commonFlags>;
type SharedFlags = Interfaces.InferredFlags<typeof trainFlags> & CommonFlags;

/** A JSON file's object, or the preset of that name. */
export function readTrainingConfig(nameOrPath: string, presets: Readonly<Record<string, object>>): object {
  const preset = presets[nameOrPath];
  if (preset) return preset;
  const value = readJsonFile(nameOrPath);
  if (typeof value !== 'object' || value === null) throw new InputError(`${nameOrPath}: not a JSON object`);
  return value;
}

/** Folder of a run with the pictures of each checkpoint. */
const PREVIEW_FOLDER = 'samples';

/** Saves a picture of what the weights of a step do. */
export function writePreview(folder: string, step: number, image: RgbImage): void {
  const previews = join(folder, PREVIEW_FOLDER);
  mkdirSync(previews, { recursive: true });
  writeFileAtomically(join(previews, `step-${String(step).padStart(8, '0')}.png`), [encodePng(image)]);
}

/** Weights for the model folder, and what is said about them. */
interface KeptWeights {
  readonly weights: Weights;
  readonly origin: string;
}

/** What the two training commands share. */
export abstract class TrainCommand extends BaseCommand {
  /** The settings of the run to continue, or those of a new one, which are written down. */
  protected async openRun<T extends SharedRunSettings>(
    flags: SharedFlags,
    validate: (value: unknown, source: string) => T,
    make: (shared: SharedRunSettings) => Promise<T>,
  ): Promise<{ readonly folder: string; readonly settings: T }> {
    if (flags.resume !== undefined) {
      const settings = validate(readRunSettings(flags.resume), join(flags.resume, 'run.json'));
      return { folder: flags.resume, settings };
    }
    if (flags.data === undefined || flags.out === undefined)
      throw new UsageError('--data and --out are needed for a new run, or --resume to continue one');
    if (flags.batch % flags.accumulate !== 0)
      throw new UsageError(`--batch ${flags.batch} does not divide into ${flags.accumulate} parts`);
    const rate = Number(flags.lr);
    if (!(rate > 0)) throw new UsageError(`--lr ${flags.lr} is not a number above 0`);
    const settings = await make({
      data: flags.data,
      seed: this.chooseSeed(flags),
      steps: flags.steps,
      batch: flags.batch,
      learning_rate: rate,
      warmup: flags.warmup,
      ema: parseNumber(flags.ema, '--ema', { min: 0, below: 1 }),
      holdout: parseNumber(flags.holdout, '--holdout', { min: 0, below: 1 }),
      checkpoint_every: flags['checkpoint-every'],
      accumulate: flags.accumulate,
      recompute: flags.recompute,
      flip: flags.flip,
      init: flags.init,
    });
    createRun(flags.out, settings);
    return { folder: flags.out, settings };
  }

  protected optimizer(settings: SharedRunSettings): AdamWOptions {
    return { ...ADAMW_DEFAULTS, ...(settings.ema > 0 && { emaDecay: settings.ema }) };
  }

  protected loopSettings(
    settings: SharedRunSettings,
  ): Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'> {
    const { learning_rate: peak, warmup: warmupSteps, steps: totalSteps } = settings;
    return {
      optimizer: this.optimizer(settings),
      learningRate: { peak, final: peak / 10, warmupSteps, totalSteps },
      seed: settings.seed,
      checkpointEvery: settings.checkpoint_every,
    };
  }

  /** Says on how many images the training is validated, or that it is not. */
  protected noteHeldOut(flags: SharedFlags, validation: TrainingSettings['validation']): void {
    const images = validation.reduce((sum, batch) => sum + (Object.values(batch)[0]?.shape[0] ?? 0), 0);
    this.note(
      flags,
      images === 0
        ? 'no image is held out to validate on: the weights of the last step are kept; a larger --holdout changes that'
        : `validates on ${images} held-out images`,
    );
  }

  /** Says which images could not be read, and what became of them. */
  protected noteFailures(
    flags: CommonFlags,
    failures: ReadonlyMap<string, string>,
    consequence: string,
  ): void {
    for (const reason of failures.values()) this.note(flags, `skipped ${reason}`);
    if (failures.size > 0)
      this.note(flags, `${failures.size} images could not be read and were ${consequence}`);
  }

  /** The weights to keep, and which they are: the best checkpoint's where there are held-out images, else the last's. */
  private keptWeights(folder: string, settings: SharedRunSettings): KeptWeights {
    const best = readCheckpoint(folder, 'best');
    const { state, step } = (best ?? readCheckpoint(folder))!;
    const loss = readLog(folder).find((entry) => entry.step === step && entry.validation_loss !== undefined);
    const origin = best
      ? `step ${step}, with the lowest held-out loss${loss ? `, ${loss.validation_loss!.toFixed(4)}` : ''}`
      : `step ${step}, the last; no image was held out to choose by`;
    return { weights: trainedWeights(state, this.optimizer(settings)), origin };
  }

  /** Trains with a progress bar; an interrupt saves first and ends with its exit code. */
  protected async runTraining(
    flags: SharedFlags,
    folder: string,
    settings: TrainingSettings,
    target: Target,
    imagesPerStep: number,
  ): Promise<TrainingResult> {
    const controller = new AbortController();
    const stop = () => controller.abort();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal);
      process.once(signal, stop);
    }
    const bar = startProgress(
      'training',
      settings.learningRate.totalSteps,
      'steps | loss {loss} | {rate} images/s',
      !flags.quiet,
    );
    const result = await train(folder, settings, target, controller.signal, ({ step, loss, seconds }) => {
      bar.update(step, { loss: loss.toFixed(4), rate: (imagesPerStep / seconds).toFixed(1) });
    });
    bar.stop();
    writeFileAtomically(join(folder, 'loss.png'), [await lossCurvePng(readLog(folder))]);
    if (result.stopped) {
      this.note(flags, `stopped after step ${result.step}; continue with --resume ${folder}`);
      process.exitCode = EXIT_CODES.interrupted;
    }
    return result;
  }

  /** Ends a run that went through all its steps with a model folder of what it trained, and says what was done. */
  protected async finishRun(
    flags: SharedFlags,
    folder: string,
    settings: SharedRunSettings,
    { stopped, step }: TrainingResult,
    parts: (weights: Weights) => Parameters<typeof writeModelFolder>[1],
  ): Promise<void> {
    const model = join(folder, 'model');
    if (!stopped) {
      const { weights, origin } = this.keptWeights(folder, settings);
      if (existsSync(model)) rmSync(model, { recursive: true });
      await writeModelFolder(model, { ...parts(weights), origin });
      this.note(flags, `wrote ${model}: the weights of ${origin}`);
    }
    this.result(flags, { run: folder, step, ...(!stopped && { model }) });
  }
}

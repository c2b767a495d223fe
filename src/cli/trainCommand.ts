import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Flags, type Interfaces } from '@oclif/core';
import type { JSONSchemaType } from 'ajv';
import {
  ADAMW_DEFAULTS,
  type AdamWOptions,
  createRun,
  encodePng,
  InputError,
  lossCurvePng,
  readBestCheckpoint,
  readCheckpoint,
  readJsonFile,
  readLog,
  readRunSettings,
  reopenRun,
  type PathSetting,
  type RgbImage,
  type Target,
  train,
  trainedWeights,
  type TrainingResult,
  type TrainingSettings,
  UsageError,
  weightsPartsOf,
  withResolvedPaths,
  type Weights,
  writeFileAtomically,
  writeModelFolder,
  writeRunSettings,
} from '../index.js';
import { BaseCommand, type commonFlags, modelFlags, seedFlag } from './baseCommand.js';
import { parseNumber } from './numbers.js';
import { resumedSettings } from './resumedRun.js';
import { startProgress } from './progress.js';
import { exitCodeOfSignal, STOP_SIGNALS, type StopSignal } from './signals.js';

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
  /** Steps of the learning rate's schedule where the run was extended beyond them. */
  readonly decay_steps?: number;
  /** What tells the files that the settings name from others. */
  readonly fingerprints?: Readonly<Partial<Record<PathSetting, string>>>;
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
  decay_steps: { ...positive, nullable: true },
  fingerprints: { type: 'object', additionalProperties: true, required: [], nullable: true },
} as const satisfies Record<keyof SharedRunSettings, JSONSchemaType<string> | object>;

/** The names of the shared settings' fields that every run has. */
export const sharedSettingsFields = (Object.keys(sharedSettingsSchema) as (keyof SharedRunSettings)[]).filter(
  (name) => name !== 'decay_steps' && name !== 'fingerprints',
);

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
    description:
      'continue this run from its latest checkpoint; --steps extends it, --data and others say where its files are now',
    helpValue: 'RUN',
    exclusive: ['out'],
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
    description:
      'parts that a batch is worked on in, one after the other, to save memory; the entropy and rate terms of a tokenizer are then those of each part, averaged',
    default: 1,
    min: 1,
  }),
  recompute: Flags.boolean({
    description: 'save memory: compute what happens inside each block again for its gradient',
    default: false,
  }),
  flip: Flags.boolean({ description: 'mirror every other image', default: false }),
  init: Flags.string({
    description:
      'start from the weights of this model folder instead of random ones; of a generator, all sizes but the number of classes must be its own',
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

/** The flags that the user gave, without those that have their defaults. */
export function givenFlags(
  flags: object,
  metadata: { readonly flags: Readonly<Record<string, { readonly setFromDefault?: boolean } | undefined>> },
): readonly string[] {
  return Object.keys(flags).filter((name) => metadata.flags[name]?.setFromDefault !== true);
}

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

/** A run that this process alone works on. */
export interface OpenRun<T> {
  readonly folder: string;
  readonly settings: T;
  /** Lets other processes work on it. */
  readonly release: () => void;
}

/** Weights for the model folder, and what is said about them. */
interface KeptWeights {
  readonly weights: Weights;
  readonly origin: string;
}

/** What the two training commands share. */
export abstract class TrainCommand extends BaseCommand {
  /**
   * The settings of the run to continue, or those of a new one, which are written down. The run is this process' alone
   * until it releases it.
   * @param given the flags that the user gave
   */
  protected async openRun<T extends SharedRunSettings>(
    flags: SharedFlags & Readonly<Record<string, unknown>>,
    given: readonly string[],
    validate: (value: unknown, source: string) => T,
    make: (shared: SharedRunSettings) => Promise<T>,
  ): Promise<OpenRun<T>> {
    if (flags.resume !== undefined) {
      const folder = flags.resume;
      const before = validate(readRunSettings(folder), join(folder, 'run.json'));
      const release = reopenRun(folder);
      const { settings, notes } = resumedSettings(folder, before, flags, given);
      for (const note of notes) this.note(flags, note);
      if (JSON.stringify(settings) !== JSON.stringify(before)) writeRunSettings(folder, settings);
      return { folder, settings, release };
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
    if (settings.warmup >= settings.steps)
      this.note(
        flags,
        `--warmup ${settings.warmup} is not over before the last of ${settings.steps} steps: the learning rate never reaches ${rate}`,
      );
    const resolved = withResolvedPaths(settings);
    return { folder: flags.out, settings: resolved, release: createRun(flags.out, resolved) };
  }

  protected optimizer(settings: SharedRunSettings): AdamWOptions {
    return { ...ADAMW_DEFAULTS, ...(settings.ema > 0 && { emaDecay: settings.ema }) };
  }

  protected loopSettings(
    settings: SharedRunSettings,
  ): Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'> {
    const { learning_rate: peak, warmup: warmupSteps, steps } = settings;
    return {
      optimizer: this.optimizer(settings),
      learningRate: { peak, final: peak / 10, warmupSteps, totalSteps: settings.decay_steps ?? steps },
      totalSteps: steps,
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

  /** The weights to keep, and which they are: the best by the held-out loss where there is one, else the last. */
  private keptWeights(folder: string, settings: SharedRunSettings): KeptWeights {
    const parts = weightsPartsOf(this.optimizer(settings));
    const { checkpoint, part } = readBestCheckpoint(folder, parts.at(-1)!);
    const which = parts.length > 1 ? (part === 'ema' ? 'averaged at ' : 'not averaged, of ') : '';
    const why = checkpoint.best
      ? `with the lowest held-out loss, ${checkpoint.best.loss.toFixed(4)}`
      : 'the last; no image was held out to choose by';
    const origin = `${which}step ${checkpoint.step}, ${why}`;
    return { weights: trainedWeights(checkpoint.state, part), origin };
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
    let heard: StopSignal = 'SIGINT';
    for (const signal of STOP_SIGNALS) {
      const [end] = process.listeners(signal) as (() => void)[];
      process.removeAllListeners(signal);
      // The first asks for a checkpoint; whoever can't wait for it asks again.
      process.once(signal, () => {
        heard = signal;
        controller.abort();
        if (end) process.once(signal, end);
      });
    }
    const bar = startProgress(
      'training',
      settings.totalSteps,
      'steps | loss {loss} | {rate} images/s',
      !flags.quiet,
    );
    const before = readCheckpoint(folder)?.step;
    if (before === settings.totalSteps)
      this.note(
        flags,
        `the run in ${folder} is finished: all its ${before} steps are done; --steps can extend it`,
      );
    const result = await train(folder, settings, target, controller.signal, ({ step, loss, seconds }) => {
      bar.update(step, { loss: loss.toFixed(4), rate: (imagesPerStep / seconds).toFixed(1) });
    });
    bar.stop();
    writeFileAtomically(join(folder, 'loss.png'), [await lossCurvePng(readLog(folder))]);
    if (result.stopped) {
      this.note(flags, `stopped after step ${result.step}; continue with --resume ${folder}`);
      process.exitCode = exitCodeOfSignal(heard);
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
    await this.result(flags, { run: folder, step, ...(!stopped && { model }) });
  }
}

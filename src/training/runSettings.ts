import type { JSONSchemaType } from 'ajv';
import { InputError, UsageError } from '../errors.js';
import { readJsonFile } from '../jsonFile.js';
import { drawSeed } from '../random/draws.js';
import type { OptimizerRecipe } from '../systems/system.js';
import { faultOfSeed } from '../sampling/settingFaults.js';
import { filled, TRAINING_DEFAULTS, type TrainingHost, type TrainingRequest } from './request.js';
import type { PathSetting } from './runPaths.js';
import { requireDivisible } from './sharedRun.js';
import type { TrainingSettings } from './trainingLoop.js';
import { ADAMW_DEFAULTS, type AdamWOptions } from './trainingStep.js';

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
  /** Patterns of the names of parameters that stay as they are. */
  readonly freeze: readonly string[];
  /** Steps of the learning rate's schedule where the run was extended beyond them. */
  readonly decay_steps?: number;
  /** What tells the files that the settings name from others. */
  readonly fingerprints?: Readonly<Partial<Record<PathSetting, string>>>;
}

/** Beyond these steps lie the random numbers of validation. */
export const MAX_STEPS = 2 ** 24 - 1;
export const MAX_BATCH = 2 ** 16;

const positive = { type: 'integer', minimum: 1 } as const;

/** The schema of the shared settings' fields. */
export const sharedSettingsSchema = {
  data: { type: 'string' },
  seed: { type: 'integer', minimum: 0 },
  steps: { ...positive, maximum: MAX_STEPS },
  batch: { ...positive, maximum: MAX_BATCH },
  learning_rate: { type: 'number', exclusiveMinimum: 0 },
  warmup: { type: 'integer', minimum: 0 },
  ema: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  holdout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  checkpoint_every: positive,
  accumulate: positive,
  recompute: { type: 'boolean' },
  flip: { type: 'boolean' },
  init: { type: 'string' },
  // Runs of before it had none.
  freeze: { type: 'array', items: { type: 'string' }, default: [] },
  decay_steps: { ...positive, nullable: true },
  fingerprints: { type: 'object', additionalProperties: true, required: [], nullable: true },
} as const satisfies Record<keyof SharedRunSettings, JSONSchemaType<string> | object>;

const NOT_IN_ALL: readonly (keyof SharedRunSettings)[] = ['freeze', 'decay_steps', 'fingerprints'];

/** The names of the shared settings' fields that every run has. */
export const sharedSettingsFields = (Object.keys(sharedSettingsSchema) as (keyof SharedRunSettings)[]).filter(
  (name) => !NOT_IN_ALL.includes(name),
);

/** The setting that a field of a request becomes. */
export function settingOf(field: string): string {
  // A run has a kind of its own: what it trains.
  if (field === 'kind') return 'architecture';
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * The shared settings of a new run; a seed that is drawn is said.
 * @throws UsageError for what is missing or does not fit together.
 */
export function newSharedSettings(
  request: TrainingRequest,
  { onNote, peers }: TrainingHost,
): SharedRunSettings & { readonly out: string } {
  const full = filled(request, TRAINING_DEFAULTS);
  const { data, out, batch, accumulate, learningRate } = full;
  if (data === undefined || out === undefined)
    throw new UsageError('--data and --out are needed for a new run, or --resume to continue one');
  requireDivisible({ batch, accumulate }, peers?.size ?? 1);
  if (!(learningRate > 0)) throw new UsageError(`--lr ${learningRate} is not a number above 0`);
  const seed = request.seed ?? drawSeed();
  const fault = faultOfSeed(seed);
  if (fault !== undefined) throw new UsageError(fault);
  if (request.seed === undefined) onNote?.(`seed: ${seed}`);
  return {
    out,
    data,
    seed,
    steps: full.steps,
    batch,
    learning_rate: learningRate,
    warmup: full.warmup,
    ema: full.ema,
    holdout: full.holdout,
    checkpoint_every: full.checkpointEvery,
    accumulate,
    recompute: full.recompute,
    flip: full.flip,
    init: full.init,
    freeze: full.freeze,
  };
}

/**
 * The fields that a `config` means: its own, those of the preset of that name, or those of the JSON file.
 * @throws InputError naming the file that holds none.
 */
export function configFields(
  config: string | object,
  presets: Readonly<Record<string, object>>,
): { readonly fields: object; readonly source: string } {
  if (typeof config === 'object') return { fields: config, source: 'config' };
  const fields = presets[config] ?? readJsonFile(config);
  if (typeof fields !== 'object' || fields === null) throw new InputError(`${config}: not a JSON object`);
  return { fields, source: config };
}

/** The optimiser that a run's settings mean. */
export function optimizerOf({ ema }: SharedRunSettings, recipe: OptimizerRecipe = {}): AdamWOptions {
  return { ...ADAMW_DEFAULTS, ...recipe.optimizer, ...(ema > 0 && { emaDecay: ema }) };
}

/** What the peak of the learning rate is divided by where it ends. */
const FINAL_DIVISOR = 10;

/** What a run's settings say about the training loop. */
export function loopSettings(
  settings: SharedRunSettings,
  recipe: OptimizerRecipe = {},
): Omit<TrainingSettings, 'lossGraph' | 'batch' | 'validation'> {
  const { learning_rate: peak, warmup: warmupSteps, steps } = settings;
  const { learningRate: held } = recipe;
  return {
    optimizer: optimizerOf(settings, recipe),
    learningRate: {
      ...{ peak, warmupSteps, totalSteps: settings.decay_steps ?? steps },
      final: held === undefined ? peak / FINAL_DIVISOR : peak * held.finalShare,
      ...(held && { holdShare: held.holdShare, ...(held.isStraight && { isStraight: true }) }),
    },
    totalSteps: steps,
    seed: settings.seed,
    checkpointEvery: settings.checkpoint_every,
  };
}

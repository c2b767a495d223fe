import type { JSONSchemaType } from 'ajv';
import { UsageError } from '../errors.js';
import { validator } from '../jsonFile.js';
import { requireMemory } from '../memoryLimit.js';
import { openTokenizer } from '../models/modelFolder.js';
import { readFeatureNetwork } from '../targets/onnx/featureNetwork.js';
import { parseTokenizerConfig } from '../models/parseConfig.js';
import { DEFAULT_TOKENIZER, requireTokenizer, TOKENIZERS } from '../tokenizers/registry.js';
import type { OwnTrainingSetting, TokenizerKind, TokenizerLosses } from '../tokenizers/tokenizerKind.js';
import { tokenizerStart } from './fineTune.js';
import { frozenParameters } from './frozenParameters.js';
import { filled, flagOf, TOKENIZER_DEFAULTS, type TokenizerRequest } from './request.js';
import {
  configFields,
  type SharedRunSettings,
  sharedSettingsFields,
  sharedSettingsSchema,
} from './runSettings.js';

const BYTES_PER_FLOAT = 4;
const COMMITMENT = 0.25;

/** What the training of a tokenizer keeps in `run.json`. */
export interface TokenizerRunSettings extends SharedRunSettings {
  readonly kind: 'tokenizer';
  /** Name of the kind of tokenizer. */
  readonly architecture: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly reconstruction: 'l1' | 'l2';
  readonly commitment: number;
  readonly entropy: number;
  readonly rate: number;
  readonly divergence: number;
  readonly crop: 'center' | 'random';
  readonly restart_after: number;
  readonly adversarial: number;
  readonly adversarial_start: number;
  /** An ONNX file; empty for none. */
  readonly perceptual: string;
  readonly perceptual_weight: number;
}

/** The settings of a run of this kind. @throws InputError naming the source and the field at fault. */
export const parseTokenizerRun = validator<TokenizerRunSettings>({
  type: 'object',
  required: [
    ...sharedSettingsFields,
    'kind',
    'config',
    'reconstruction',
    'commitment',
    'entropy',
    'crop',
    'restart_after',
    'adversarial',
    'adversarial_start',
    'perceptual',
    'perceptual_weight',
  ],
  properties: {
    ...sharedSettingsSchema,
    kind: { type: 'string', const: 'tokenizer' },
    // Runs of before knew one kind, and none of its losses that others have.
    architecture: {
      type: 'string',
      enum: TOKENIZERS.map(({ name }) => name),
      default: DEFAULT_TOKENIZER.name,
    },
    config: { type: 'object', required: [], additionalProperties: true },
    reconstruction: { type: 'string', enum: ['l1', 'l2'] },
    commitment: { type: 'number', minimum: 0 },
    entropy: { type: 'number', minimum: 0 },
    rate: { type: 'number', minimum: 0, default: 0 },
    divergence: { type: 'number', minimum: 0, default: 0 },
    crop: { type: 'string', enum: ['center', 'random'] },
    restart_after: { type: 'integer', minimum: 0 },
    adversarial: { type: 'number', minimum: 0 },
    adversarial_start: { type: 'integer', minimum: 1 },
    perceptual: { type: 'string' },
    perceptual_weight: { type: 'number', minimum: 0 },
  },
} as JSONSchemaType<TokenizerRunSettings>);

/** What a tokenizer is, before it has weights. */
export interface NewTokenizer {
  readonly kind: TokenizerKind;
  readonly config: object;
}

/** The losses that a run's settings name. @throws InputError when the feature network cannot be read. */
export function lossesOf(settings: TokenizerRunSettings): TokenizerLosses {
  const { reconstruction, commitment, entropy, rate, divergence, adversarial } = settings;
  const { perceptual, perceptual_weight: weight } = settings;
  return {
    ...{ reconstruction, commitment, entropy, rate, divergence },
    adversarial: adversarial > 0,
    ...(perceptual !== '' && { perceptual: { features: readFeatureNetwork(perceptual), weight } }),
  };
}

/** The names of a run's parameters that stay as they are. @throws UsageError as `frozenParameters` does. */
export function frozenOf(
  settings: TokenizerRunSettings,
  { kind, config }: NewTokenizer,
): ReadonlySet<string> {
  return frozenParameters(settings.freeze, kind.training.graph(config, lossesOf(settings)));
}

/** @throws UsageError when the memory cannot hold a batch's images. */
export function requireBatchMemory(
  { batch, accumulate }: SharedRunSettings,
  { kind, config }: NewTokenizer,
): void {
  const { imageSize: side } = kind.facts(config);
  requireMemory(3 * BYTES_PER_FLOAT * (batch / accumulate) * side ** 2, `--batch ${batch}`);
}

/** Settings that only some kinds have, and what stands for each where a kind has it not. */
const OWN_SETTINGS: Readonly<Record<OwnTrainingSetting, 0>> = {
  entropy: 0,
  rate: 0,
  restartAfter: 0,
  divergence: 0,
};

/**
 * A request without the settings that a kind of tokenizer does not have.
 * @throws UsageError where one of them is asked for.
 */
function ofKind({ training, name }: TokenizerKind, request: TokenizerRequest) {
  const others = (Object.keys(OWN_SETTINGS) as OwnTrainingSetting[]).filter(
    (setting) => !training.settings.includes(setting),
  );
  const wrong = others.find((setting) => request[setting]);
  if (wrong !== undefined) {
    const able = TOKENIZERS.filter(({ training: own }) => own.settings.includes(wrong));
    throw new UsageError(
      `--${flagOf(wrong)}: tokenizers of kind ${name} have none; it is of kind ${able.map((kind) => kind.name).join(' or ')}`,
    );
  }
  const without = Object.fromEntries(others.map((setting) => [setting, OWN_SETTINGS[setting]]));
  return { ...filled(request, TOKENIZER_DEFAULTS), ...without };
}

/**
 * The settings of a new run that trains a tokenizer; what they name is looked at.
 * @throws UsageError, InputError for what does not fit together or cannot be read.
 */
export async function newTokenizerRun(
  request: TokenizerRequest,
  shared: SharedRunSettings,
): Promise<TokenizerRunSettings> {
  const kind = requireTokenizer(request.kind ?? TOKENIZER_DEFAULTS.kind);
  const full = ofKind(kind, request);
  const { fields, source } = configFields(full.config, kind.training.trainable);
  const sized = full.imageSize === undefined ? fields : kind.training.sized(fields, full.imageSize);
  const config = parseTokenizerConfig(kind, sized, source);
  if (shared.init !== '') tokenizerStart(openTokenizer(shared.init), { kind, config }, shared.init);
  const settings: TokenizerRunSettings = {
    ...shared,
    kind: 'tokenizer',
    architecture: kind.name,
    config: { ...config },
    reconstruction: full.reconstruction,
    commitment: COMMITMENT,
    entropy: full.entropy,
    rate: full.rate,
    divergence: full.divergence,
    adversarial: full.adversarial,
    adversarial_start: full.adversarialStart,
    perceptual: full.perceptual,
    perceptual_weight: full.perceptualWeight,
    crop: full.crop,
    restart_after: full.restartAfter,
  };
  requireBatchMemory(settings, { kind, config });
  frozenOf(settings, { kind, config });
  return settings;
}

import type { JSONSchemaType } from 'ajv';
import { vqAutoencoder, type VqLossConfig } from '../../graphs/vqTokenizer.js';
import { validator } from '../jsonFile.js';
import { requireMemory } from '../memoryLimit.js';
import { openTokenizer } from '../models/modelFolder.js';
import { readFeatureNetwork } from '../targets/onnx/featureNetwork.js';
import { parseTokenizerConfig } from '../models/parseConfig.js';
import { type OfficialVqConfig, vq, vqConfig } from '../tokenizers/vq.js';
import { tokenizerStart } from './fineTune.js';
import { frozenParameters } from './frozenParameters.js';
import { filled, TOKENIZER_DEFAULTS, type TokenizerRequest } from './request.js';
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
  readonly config: Readonly<Record<string, unknown>>;
  readonly reconstruction: 'l1' | 'l2';
  readonly commitment: number;
  readonly entropy: number;
  readonly rate: number;
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
    config: { type: 'object', required: [], additionalProperties: true },
    reconstruction: { type: 'string', enum: ['l1', 'l2'] },
    commitment: { type: 'number', minimum: 0 },
    entropy: { type: 'number', minimum: 0 },
    // Runs of before it had none.
    rate: { type: 'number', minimum: 0, default: 0 },
    crop: { type: 'string', enum: ['center', 'random'] },
    restart_after: { type: 'integer', minimum: 0 },
    adversarial: { type: 'number', minimum: 0 },
    adversarial_start: { type: 'integer', minimum: 1 },
    perceptual: { type: 'string' },
    perceptual_weight: { type: 'number', minimum: 0 },
  },
} as JSONSchemaType<TokenizerRunSettings>);

/** Small tokenizers that a CPU trains; `small` makes 8×8 tokens of a 32×32 image. */
export const TRAINABLE_TOKENIZERS: Readonly<Record<string, object>> = {
  small: {
    codebook_size: 128,
    codebook_embed_dim: 8,
    ch: 32,
    ch_mult: [1, 1, 2],
    z_channels: 32,
    num_res_blocks: 1,
    image_size: 32,
  },
};

/** The losses that a run's settings name. @throws InputError when the feature network cannot be read. */
export function lossesOf(settings: TokenizerRunSettings): VqLossConfig {
  const { reconstruction, commitment, entropy, rate, perceptual, perceptual_weight: weight } = settings;
  return {
    reconstruction,
    commitment,
    entropy,
    rate,
    ...(perceptual !== '' && { perceptual: { features: readFeatureNetwork(perceptual), weight } }),
  };
}

/** The names of a run's parameters that stay as they are. @throws UsageError as `frozenParameters` does. */
export function frozenOf(settings: TokenizerRunSettings, config: OfficialVqConfig): ReadonlySet<string> {
  const losses = { ...lossesOf(settings), adversarial: settings.adversarial > 0 };
  return frozenParameters(settings.freeze, vqAutoencoder(vqConfig(config), losses));
}

/** @throws UsageError when the memory cannot hold a batch's images. */
export function requireBatchMemory(
  { batch, accumulate }: SharedRunSettings,
  { image_size: side }: OfficialVqConfig,
): void {
  requireMemory(3 * BYTES_PER_FLOAT * (batch / accumulate) * side ** 2, `--batch ${batch}`);
}

/**
 * The settings of a new run that trains a tokenizer; what they name is looked at.
 * @throws UsageError, InputError for what does not fit together or cannot be read.
 */
export async function newTokenizerRun(
  request: TokenizerRequest,
  shared: SharedRunSettings,
): Promise<TokenizerRunSettings> {
  const full = filled(request, TOKENIZER_DEFAULTS);
  const { fields, source } = configFields(full.config, TRAINABLE_TOKENIZERS);
  const sized = full.imageSize === undefined ? fields : { ...fields, image_size: full.imageSize };
  const config = parseTokenizerConfig(vq, sized, source);
  if (shared.init !== '') tokenizerStart(openTokenizer(shared.init), config, shared.init);
  const settings: TokenizerRunSettings = {
    ...shared,
    kind: 'tokenizer',
    config: { ...config },
    reconstruction: full.reconstruction,
    commitment: COMMITMENT,
    entropy: full.entropy,
    rate: full.rate,
    adversarial: full.adversarial,
    adversarial_start: full.adversarialStart,
    perceptual: full.perceptual,
    perceptual_weight: full.perceptualWeight,
    crop: full.crop,
    restart_after: full.restartAfter,
  };
  requireBatchMemory(settings, config);
  frozenOf(settings, config);
  return settings;
}

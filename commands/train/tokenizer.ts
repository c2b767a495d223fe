import { join } from 'node:path';
import { Flags } from '@oclif/core';
import type { JSONSchemaType } from 'ajv';
import {
  createTokenizer,
  type OfficialVqConfig,
  openImageSource,
  openTokenizer,
  parseTokenizerConfig,
  readCheckpoint,
  readFeatureNetwork,
  reconstructionGrid,
  tokenizerStart,
  tokenizerTraining,
  type TrainingSettings,
  validator,
  vq,
  type Weights,
} from '../../src/index.js';
import { requireMemory } from '../../src/cli/bounds.js';
import { parseNumber } from '../../src/cli/numbers.js';
import {
  givenFlags,
  readTrainingConfig,
  type SharedRunSettings,
  sharedSettingsFields,
  sharedSettingsSchema,
  TrainCommand,
  trainFlags,
  writePreview,
} from '../../src/cli/trainCommand.js';

const BYTES_PER_FLOAT = 4;

interface TokenizerRun extends SharedRunSettings {
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

const validate = validator<TokenizerRun>({
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
} as JSONSchemaType<TokenizerRun>);

/** Small tokenizers that a CPU trains; `small` makes 8×8 tokens of a 32×32 image. */
const PRESETS = {
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

export default class TrainTokenizer extends TrainCommand {
  static override summary = 'Train a VQ tokenizer on images.';
  static override description =
    `Losses: reconstruction, codebook and commitment, and an entropy term that keeps the codebook in use; codes that
stay unused are restarted. The run folder holds run.json, log.jsonl, loss.png, pictures in samples/, checkpoints that
are complete or absent, and at the end a model folder with the weights of the lowest held-out loss. Interrupting saves
first; --resume continues with the very losses of a run that was never interrupted.`;
  static override examples = [
    '<%= config.bin %> train tokenizer --data mnist/ --out runs/digits-vq --steps 1000',
    '<%= config.bin %> train tokenizer --resume runs/digits-vq',
  ];
  static override flags = {
    ...trainFlags,
    config: Flags.string({
      description: `${Object.keys(PRESETS).join(', ')}, or a JSON file with the official field names`,
      helpValue: 'NAME|FILE',
      default: 'small',
    }),
    reconstruction: Flags.string({
      description: 'what a difference counts: its magnitude or its square',
      options: ['l1', 'l2'],
      default: 'l2',
    }),
    entropy: Flags.string({
      description: 'weight of the entropy term; 0 leaves it out',
      default: '0.05',
      helpValue: 'WEIGHT',
    }),
    rate: Flags.string({
      description: "weight of the codes' entropy: tokens that are easier to predict, with less detail",
      default: '0',
      helpValue: 'WEIGHT',
    }),
    crop: Flags.string({
      description: 'which square of an image is trained on',
      options: ['center', 'random'],
      default: 'center',
    }),
    adversarial: Flags.string({
      description:
        'weight of a patch discriminator that tells reconstructions from images; 0 trains without one',
      default: '0',
      helpValue: 'WEIGHT',
    }),
    'adversarial-start': Flags.integer({
      description: 'first step in which the discriminator counts',
      default: 1000,
      min: 1,
    }),
    perceptual: Flags.string({
      description:
        'ONNX file of a convolutional network whose feature maps should agree (it gets RGB in [-1, 1])',
      default: '',
      helpValue: 'FILE',
    }),
    'perceptual-weight': Flags.string({
      description: 'weight of the feature maps’ difference',
      default: '1',
      helpValue: 'WEIGHT',
    }),
    'restart-after': Flags.integer({
      description: 'steps without use after which a code is replaced by a latent of the batch; 0 keeps all',
      default: 100,
      min: 0,
    }),
  };

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(TrainTokenizer);
    const { folder, settings, release } = await this.openRun<TokenizerRun>(
      flags,
      givenFlags(flags, metadata),
      validate,
      async (shared) => {
        // Refused before the run folder is made.
        const config = parseTokenizerConfig(vq, readTrainingConfig(flags.config, PRESETS), flags.config);
        if (flags.init !== '') tokenizerStart(openTokenizer(flags.init), config, flags.init);
        if (flags.perceptual !== '') readFeatureNetwork(flags.perceptual);
        return {
          ...shared,
          kind: 'tokenizer',
          config: { ...config },
          reconstruction: flags.reconstruction as 'l1' | 'l2',
          commitment: 0.25,
          entropy: parseNumber(flags.entropy, '--entropy', { min: 0 }),
          rate: parseNumber(flags.rate, '--rate', { min: 0 }),
          adversarial: parseNumber(flags.adversarial, '--adversarial', { min: 0 }),
          adversarial_start: flags['adversarial-start'],
          perceptual: flags.perceptual,
          perceptual_weight: parseNumber(flags['perceptual-weight'], '--perceptual-weight', { min: 0 }),
          crop: flags.crop as 'center' | 'random',
          restart_after: flags['restart-after'],
        };
      },
    );
    const config = parseTokenizerConfig(vq, settings.config, join(folder, 'run.json'));
    const source = await openImageSource(settings.data);
    for (const note of source.notes) this.note(flags, note);
    this.note(flags, `${source.count} images of ${source.labels.length} classes`);
    const pixels = (settings.batch / settings.accumulate) * config.image_size ** 2;
    requireMemory(3 * BYTES_PER_FLOAT * pixels, `--batch ${settings.batch}`);
    const target = await this.chooseTarget(flags);
    const { reconstruction, commitment, entropy, rate } = settings;
    const training = await tokenizerTraining(source, {
      config,
      losses: {
        reconstruction,
        commitment,
        entropy,
        rate,
        ...(settings.perceptual !== '' && {
          perceptual: {
            features: readFeatureNetwork(settings.perceptual),
            weight: settings.perceptual_weight,
          },
        }),
      },
      adversarial:
        settings.adversarial > 0
          ? { weight: settings.adversarial, start: settings.adversarial_start }
          : undefined,
      batchSize: settings.batch,
      heldOutShare: settings.holdout,
      augmentation: { flip: settings.flip, crop: settings.crop },
      restartAfter: settings.restart_after,
      parts: settings.accumulate,
      recompute: settings.recompute,
      settings: {
        ...this.loopSettings(settings),
        ...initialWeights(folder, settings, config),
        preview: async (step, weights) => {
          const tokenizer = createTokenizer({ kind: vq, config, weights }, target);
          writePreview(folder, step, await reconstructionGrid(source, tokenizer));
          await tokenizer.dispose();
        },
      },
    });
    this.noteHeldOut(flags, training.validation);
    const result = await this.runTraining(flags, folder, training, target, settings.batch);
    this.noteFailures(flags, source.failures, 'replaced by others');
    await this.finishRun(flags, folder, settings, result, (weights) => ({
      tokenizer: { kind: vq, config, weights: withoutDiscriminator(weights) },
    }));
    release();
  }
}

/** The weights that a run starts from; none are given where it starts from random ones, or goes on from a checkpoint. */
function initialWeights(
  folder: string,
  { init }: TokenizerRun,
  config: OfficialVqConfig,
): Pick<TrainingSettings, 'initialWeights'> {
  if (init === '' || readCheckpoint(folder) !== undefined) return {};
  return { initialWeights: tokenizerStart(openTokenizer(init), config, init) };
}

/** What a model folder keeps: only the training needs the discriminator. */
function withoutDiscriminator(weights: Weights): Weights {
  return new Map([...weights].filter(([name]) => !name.startsWith('discriminator.')));
}

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Flags } from '@oclif/core';
import type { JSONSchemaType } from 'ajv';
import { parseOfficialArpgConfig } from '../../src/arpg/config.js';
import { openTokenizer, writeModelFolder } from '../../src/checkpoints/modelFolder.js';
import { startProgress } from '../../src/cli/progress.js';
import {
  readTrainingConfig,
  type SharedRunSettings,
  sharedSettingsSchema,
  TrainCommand,
  trainFlags,
} from '../../src/cli/trainCommand.js';
import { openImageSource } from '../../src/data/imageSource.js';
import { UsageError } from '../../src/errors.js';
import { validator } from '../../src/jsonFile.js';
import { vqConfig } from '../../src/tokenizer/config.js';
import { createTokenizer } from '../../src/tokenizer/tokenizer.js';
import { encodeSource, generatorTraining } from '../../src/training/generatorRun.js';
import { readCheckpoint } from '../../src/training/runFolder.js';
import { trainedWeights } from '../../src/training/trainingState.js';

interface GeneratorRun extends SharedRunSettings {
  readonly kind: 'generator';
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: string;
  readonly label_dropout: number;
}

const validate = validator<GeneratorRun>({
  type: 'object',
  required: [
    'kind',
    'config',
    'tokenizer',
    'data',
    'seed',
    'steps',
    'batch',
    'learning_rate',
    'warmup',
    'ema',
    'holdout',
    'checkpoint_every',
    'label_dropout',
  ],
  properties: {
    ...sharedSettingsSchema,
    kind: { type: 'string', const: 'generator' },
    config: { type: 'object', required: [], additionalProperties: true },
    tokenizer: { type: 'string' },
    label_dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  },
} as JSONSchemaType<GeneratorRun>);

/** Small generators that a CPU trains. */
const PRESETS = {
  small: { dim: 192, n_layer: 6, n_head: 3, multiple_of: 64 },
  medium: { dim: 256, n_layer: 8, n_head: 4, multiple_of: 64 },
};

export default class Train extends TrainCommand {
  static override summary = 'Train a generator on images.';
  static override description =
    `Images become tokens first, with the tokenizer named; then the generator learns to predict each token from
those before it in a random order. The vocabulary, the token grid and the classes come from the tokenizer and the
data. The run folder holds run.json, log.jsonl, loss.png, checkpoints that are complete or absent, and at the end a
model folder for arpg sample. Interrupting saves first; --resume continues with the very losses of a run that was
never interrupted.`;
  static override examples = [
    '<%= config.bin %> train --data mnist/ --tokenizer runs/digits-vq/model --out runs/digits --steps 2000',
    '<%= config.bin %> train --resume runs/digits',
    '<%= config.bin %> sample --model runs/digits/model --class 7 -o seven.png',
  ];
  static override flags = {
    ...trainFlags,
    tokenizer: Flags.string({ description: 'model folder with the tokenizer', helpValue: 'DIR' }),
    config: Flags.string({
      description: `${Object.keys(PRESETS).join(', ')}, or a JSON file with dim, n_layer, n_head, …`,
      helpValue: 'NAME|FILE',
      default: 'small',
    }),
    'label-dropout': Flags.string({
      description: 'share of images trained without their class, for guidance',
      default: '0.1',
      helpValue: 'SHARE',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Train);
    const { folder, settings } = this.openRun<GeneratorRun>(flags, validate, (shared) => {
      if (flags.tokenizer === undefined)
        throw new UsageError(
          '--tokenizer is needed: a model folder, for example one of arpg train tokenizer',
        );
      const { config } = openTokenizer(flags.tokenizer);
      const factor = 2 ** (config.ch_mult.length - 1);
      const source = openImageSource(shared.data);
      const sizes = {
        vocab_size: config.codebook_size,
        num_classes: source.labels.length,
        block_size: (config.image_size / factor) ** 2,
      };
      const official = parseOfficialArpgConfig(
        { ...readTrainingConfig(flags.config, PRESETS), ...sizes },
        flags.config,
      );
      return {
        ...shared,
        kind: 'generator',
        config: { ...official },
        tokenizer: flags.tokenizer,
        label_dropout: Number(flags['label-dropout']),
      };
    });
    const config = parseOfficialArpgConfig(settings.config, join(folder, 'run.json'));
    const source = openImageSource(settings.data);
    this.note(flags, `${source.count} images of ${source.labels.length} classes`);
    const target = await this.chooseTarget(flags);
    const tokenizerModel = openTokenizer(settings.tokenizer);
    const tokenizer = createTokenizer(vqConfig(tokenizerModel.config), tokenizerModel.weights, target);
    const bar = startProgress('tokenizing', source.count, 'images', !flags.quiet);
    const tokens = await encodeSource(source, tokenizer, (done) => bar.update(done));
    bar.stop();
    await tokenizer.dispose();
    const training = generatorTraining(tokens, {
      config,
      batchSize: settings.batch,
      heldOutShare: settings.holdout,
      labelDropout: settings.label_dropout,
      settings: this.loopSettings(settings),
    });
    const result = await this.runTraining(flags, folder, training, target, source);
    const model = join(folder, 'model');
    if (!result.stopped) {
      const { state } = readCheckpoint(folder)!;
      if (existsSync(model)) rmSync(model, { recursive: true });
      const weights = trainedWeights(state, this.optimizer(settings));
      await writeModelFolder(model, {
        generator: { config, weights, labels: source.labels },
        tokenizer: tokenizerModel,
      });
      this.note(flags, `wrote ${model}`);
    }
    this.result(flags, { run: folder, step: result.step, ...(!result.stopped && { model }) });
  }
}

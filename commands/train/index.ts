import { join } from 'node:path';
import { Flags } from '@oclif/core';
import type { JSONSchemaType } from 'ajv';
import {
  DEFAULT_SYSTEM,
  createTokenizer,
  emptyClassesNote,
  encodeSource,
  generatorStart,
  generatorTraining,
  InputError,
  type OpenedTokens,
  openGenerator,
  openImageSource,
  openTokenizer,
  openTokenSet,
  parseSystemConfig,
  type PictureList,
  readCheckpoint,
  readTokenCache,
  requireSquareGrid,
  requireTokensOf,
  sampleGrid,
  type Tokenizer,
  type TokenSet,
  type TrainingSettings,
  UsageError,
  requireSystem,
  SYSTEM_NAMES,
  SYSTEMS,
  type System,
  type SystemFacts,
  type TokenizerModel,
  validator,
  writeTokenCache,
} from '../../src/index.js';
import type { BaseCommand } from '../../src/cli/baseCommand.js';
import { parseNumber } from '../../src/cli/numbers.js';
import { startProgress } from '../../src/cli/progress.js';
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

interface GeneratorRun extends SharedRunSettings {
  readonly kind: 'generator';
  readonly system: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: string;
  readonly label_dropout: number;
  readonly dropout: number;
  /** Names of the classes; empty where a data set of tokens has none. */
  readonly labels: readonly string[];
}

const validate = validator<GeneratorRun>({
  type: 'object',
  required: [...sharedSettingsFields, 'kind', 'config', 'tokenizer', 'label_dropout', 'dropout', 'labels'],
  properties: {
    ...sharedSettingsSchema,
    kind: { type: 'string', const: 'generator' },
    // Runs of before knew one system.
    system: { type: 'string', enum: [...SYSTEM_NAMES], default: DEFAULT_SYSTEM.name },
    config: { type: 'object', required: [], additionalProperties: true },
    tokenizer: { type: 'string' },
    label_dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    labels: { type: 'array', items: { type: 'string' } },
  },
} as JSONSchemaType<GeneratorRun>);

/** Names of small generators that a CPU trains. */
const PRESETS = [...new Set(SYSTEMS.flatMap(({ config }) => Object.keys(config.trainable)))];

export default class Train extends TrainCommand {
  static override summary = 'Train a generator on images.';
  static override description =
    `Images become tokens first, with the tokenizer named; then the generator learns to predict each token from
those before it in a random order. The vocabulary, the token grid and the classes come from the tokenizer and the
data. The run folder holds run.json, log.jsonl, loss.png, sample grids in samples/, checkpoints that are complete or
absent, and at the end a model folder for arpg sample with the weights of the lowest held-out loss, or the last ones
where --holdout leaves no image out. Images that cannot be read are left out and said. Interrupting saves first; --resume continues with the very losses of a run that was never interrupted.`;
  static override examples = [
    '<%= config.bin %> train --data mnist/ --tokenizer runs/digits-vq/model --out runs/digits --steps 2000',
    '<%= config.bin %> train --resume runs/digits',
    '<%= config.bin %> sample --model runs/digits/model --class 7 -o seven.png',
  ];
  static override flags = {
    ...trainFlags,
    data: Flags.string({
      description: `${trainFlags.data.description}; or tokens: folder in RandAR's or LlamaGen's layout, .jsonl file`,
      helpValue: 'PATH',
    }),
    tokenizer: Flags.string({ description: 'model folder with the tokenizer', helpValue: 'DIR' }),
    system: Flags.string({
      description: 'generative system to train',
      options: [...SYSTEM_NAMES],
      default: DEFAULT_SYSTEM.name,
    }),
    config: Flags.string({
      description: `${PRESETS.join(', ')}, or a JSON file with dim, n_layer, n_head, …`,
      helpValue: 'NAME|FILE',
      default: 'small',
    }),
    'label-dropout': Flags.string({
      description: 'share of images trained without their class, for guidance',
      default: '0.1',
      helpValue: 'SHARE',
    }),
    dropout: Flags.string({
      description: 'share of elements dropped from embeddings, attention output and feed-forward output',
      default: '0.1',
      helpValue: 'SHARE',
    }),
  };

  async run(): Promise<void> {
    const { flags, metadata } = await this.parse(Train);
    let tokenSet: OpenedTokens | undefined;
    const { folder, settings, release } = await this.openRun<GeneratorRun>(
      flags,
      givenFlags(flags, metadata),
      validate,
      async (shared) => {
        if (flags.tokenizer === undefined)
          throw new UsageError(
            '--tokenizer is needed: a model folder, for example one of arpg train tokenizer',
          );
        const system = requireSystem(flags.system);
        const known = openTokenizer(flags.tokenizer);
        const { codes } = known.kind.facts(known.config);
        tokenSet = openTokenSet(shared.data, codes);
        if (tokenSet) requireSquareGrid(tokenSet, shared.data);
        if (tokenSet && shared.flip)
          this.note(
            flags,
            `--flip has no effect on tokens: ${shared.data} has the mirrored copies that it has; arpg tokenize --flip makes them`,
          );
        const { labels, classes, positions } = tokenSet ?? (await describeImages(shared.data, known));
        const sizes = system.config.sized({ vocabulary: codes, classes, positions });
        const config = parseSystemConfig(
          system,
          { ...readTrainingConfig(flags.config, system.config.trainable), ...sizes },
          flags.config,
        );
        if (flags.init !== '') {
          // Refused before the run folder is made.
          const { init } = flags;
          const start = generatorStart(openGenerator(init), { system, config, labels }, init, shared.seed);
          if (start.note !== undefined) this.note(flags, start.note);
        }
        return {
          ...shared,
          kind: 'generator',
          system: system.name,
          config: { ...config },
          tokenizer: flags.tokenizer,
          label_dropout: parseNumber(flags['label-dropout'], '--label-dropout', { min: 0, below: 1 }),
          dropout: parseNumber(flags.dropout, '--dropout', { min: 0, below: 1 }),
          labels,
        };
      },
    );
    const system = requireSystem(settings.system);
    const config = parseSystemConfig(system, settings.config, join(folder, 'run.json'));
    const facts = system.config.facts(config);
    const target = await this.chooseTarget(flags);
    const tokenizerModel = openTokenizer(settings.tokenizer);
    const tokenizer = createTokenizer(tokenizerModel, target);
    const tokens = await this.loadTokens(flags, folder, settings, { facts, tokenizer, given: tokenSet });
    this.note(flags, `${tokens.classIds.length} images of ${facts.classes} classes`);
    const training = generatorTraining(tokens, {
      system,
      config,
      batchSize: settings.batch,
      heldOutShare: settings.holdout,
      labelDropout: settings.label_dropout,
      dropout: settings.dropout,
      parts: settings.accumulate,
      recompute: settings.recompute,
      settings: {
        ...this.loopSettings(settings),
        ...initialWeights(folder, settings, system, config),
        preview: async (step, weights) => {
          writePreview(folder, step, await sampleGrid({ system, config, weights }, tokenizer, target));
        },
      },
    });
    this.noteHeldOut(flags, training.validation);
    const result = await this.runTraining(flags, folder, training, target, settings.batch);
    await tokenizer.dispose();
    await this.finishRun(flags, folder, settings, result, (weights) => ({
      generator: { system, config, weights, labels: settings.labels },
      tokenizer: tokenizerModel,
    }));
    release();
  }

  /** The data as tokens: as given, as they are, from the run's cache, or encoded now and kept there. */
  private async loadTokens(
    flags: Parameters<BaseCommand['note']>[0],
    folder: string,
    settings: GeneratorRun,
    { facts, tokenizer, given }: TokenNeeds,
  ): Promise<TokenSet> {
    const { data, labels, flip } = settings;
    const opened = given ?? openTokenSet(data, facts.vocabulary);
    for (const note of opened?.notes ?? []) this.note(flags, note);
    const ready = opened ?? readTokenCache(folder);
    if (ready) {
      requireTokensOf(facts, ready, opened ? data : folder);
      return ready;
    }
    const source = await openImageSource(data);
    for (const note of source.notes) this.note(flags, note);
    const bar = startProgress('tokenizing', source.count, 'images', !flags.quiet);
    const { tokens, failures } = await encodeSource(
      withLabels(source, labels, data),
      tokenizer,
      flip,
      (done) => bar.update(done),
    );
    bar.stop();
    this.noteFailures(flags, failures, 'left out');
    const empty = failures.size > 0 ? emptyClassesNote(tokens.classIds, labels) : undefined;
    if (empty !== undefined) this.note(flags, empty);
    writeTokenCache(folder, tokens);
    return tokens;
  }
}

/** The weights that a run starts from; none are given where it starts from random ones, or goes on from a checkpoint. */
function initialWeights(
  folder: string,
  { init, labels, seed }: GeneratorRun,
  system: System,
  config: object,
): Pick<TrainingSettings, 'initialWeights'> {
  if (init === '' || readCheckpoint(folder) !== undefined) return {};
  return { initialWeights: generatorStart(openGenerator(init), { system, config, labels }, init, seed).weights };
}

/** What the tokens of a run depend on. */
interface TokenNeeds {
  readonly facts: SystemFacts;
  readonly tokenizer: Tokenizer;
  readonly given: OpenedTokens | undefined;
}

/** What the network must be sized for. */
interface DataSizes {
  readonly labels: readonly string[];
  readonly classes: number;
  readonly positions: number;
}

async function describeImages(path: string, { kind, config }: TokenizerModel): Promise<DataSizes> {
  const { labels } = await openImageSource(path);
  const { imageSize, factor } = kind.facts(config);
  const side = imageSize / factor;
  return { labels, classes: labels.length, positions: side ** 2 };
}

/**
 * The pictures with the classes as the run numbers them, which a later version of the data may not.
 * @throws InputError naming the class that the run does not know.
 */
function withLabels<T extends PictureList>(source: T, labels: readonly string[], path: string): T {
  const classIds = source.labels.map((label) => labels.indexOf(label));
  const unknown = classIds.indexOf(-1);
  if (unknown >= 0)
    throw new InputError(`${path}: class '${source.labels[unknown]}' was not there when the run began`);
  return { ...source, classOf: (index) => classIds[source.classOf(index)]! };
}

import type { JSONSchemaType } from 'ajv';
import { arpgTeacherForced } from '../../graphs/arpg.js';
import { type OpenedTokens, openTokenSet } from '../data/tokenSource.js';
import { UsageError } from '../errors.js';
import { validator } from '../jsonFile.js';
import { openGenerator, openTokenizer } from '../models/modelFolder.js';
import { arpgConfig, parseOfficialArpgConfig } from '../systems/arpgConfig.js';
import { generatorStart } from './fineTune.js';
import { frozenParameters } from './frozenParameters.js';
import { requireSquareGrid } from './generatorRun.js';
import { describeImages } from './loadTokens.js';
import { filled, GENERATOR_DEFAULTS, type GeneratorRequest, type TrainingHost } from './request.js';
import {
  configFields,
  type SharedRunSettings,
  sharedSettingsFields,
  sharedSettingsSchema,
} from './runSettings.js';

/** What the training of a generator keeps in `run.json`. */
export interface GeneratorRunSettings extends SharedRunSettings {
  readonly kind: 'generator';
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: string;
  readonly label_dropout: number;
  readonly dropout: number;
  /** Names of the classes; empty where a data set of tokens has none. */
  readonly labels: readonly string[];
}

/** The settings of a run of this kind. @throws InputError naming the source and the field at fault. */
export const parseGeneratorRun = validator<GeneratorRunSettings>({
  type: 'object',
  required: [...sharedSettingsFields, 'kind', 'config', 'tokenizer', 'label_dropout', 'dropout', 'labels'],
  properties: {
    ...sharedSettingsSchema,
    kind: { type: 'string', const: 'generator' },
    config: { type: 'object', required: [], additionalProperties: true },
    tokenizer: { type: 'string' },
    label_dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    labels: { type: 'array', items: { type: 'string' } },
  },
} as JSONSchemaType<GeneratorRunSettings>);

/** Small generators that a CPU trains. */
export const GENERATOR_PRESETS: Readonly<Record<string, object>> = {
  small: { dim: 192, n_layer: 6, n_head: 6, multiple_of: 64, absolute_positions: true },
  medium: { dim: 256, n_layer: 8, n_head: 8, multiple_of: 64, absolute_positions: true },
};

/**
 * The settings of a new run that trains a generator, sized for the tokenizer and the data, all of which is looked at.
 * @returns with them the data set where it is one of tokens
 * @throws UsageError, InputError for what is missing or does not fit together.
 */
export async function newGeneratorRun(
  request: GeneratorRequest,
  shared: SharedRunSettings,
  { onNote }: TrainingHost,
): Promise<{ readonly settings: GeneratorRunSettings; readonly tokens: OpenedTokens | undefined }> {
  const { tokenizer, config, labelDropout, dropout } = filled(request, GENERATOR_DEFAULTS);
  const { data, flip, init, freeze, seed } = shared;
  if (tokenizer === undefined)
    throw new UsageError('--tokenizer is needed: a model folder, for example one of arpg train tokenizer');
  const { config: vq } = openTokenizer(tokenizer);
  const tokens = openTokenSet(data, vq.codebook_size);
  if (tokens) requireSquareGrid(tokens, data);
  if (tokens && flip)
    onNote?.(
      `--flip has no effect on tokens: ${data} has the mirrored copies that it has; arpg tokenize --flip makes them`,
    );
  const { labels, classes, positions } = tokens ?? (await describeImages(data, vq));
  const sizes = { vocab_size: vq.codebook_size, num_classes: classes, block_size: positions };
  const { fields, source } = configFields(config, GENERATOR_PRESETS);
  const official = parseOfficialArpgConfig({ ...fields, ...sizes }, source);
  if (init !== '') {
    const start = generatorStart(openGenerator(init), { config: official, labels }, init, seed);
    if (start.note !== undefined) onNote?.(start.note);
  }
  frozenParameters(freeze, arpgTeacherForced(arpgConfig(official)));
  const own = { config: { ...official }, tokenizer, label_dropout: labelDropout, dropout, labels };
  return { settings: { ...shared, kind: 'generator', ...own }, tokens };
}

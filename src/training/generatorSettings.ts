import type { JSONSchemaType } from 'ajv';
import { type OpenedTokens, openTokenSet } from '../data/tokenSource.js';
import { InputError, UsageError } from '../errors.js';
import { validator } from '../jsonFile.js';
import { openGenerator, openTokenizer, type TokenizerModel } from '../models/modelFolder.js';
import { parseSystemConfig } from '../models/parseConfig.js';
import { DEFAULT_SYSTEM, requireSystem, SYSTEM_NAMES, SYSTEMS } from '../systems/registry.js';
import { type Recipe, recipeFor, type System } from '../systems/system.js';
import { generatorStart } from './fineTune.js';
import { frozenParameters } from './frozenParameters.js';
import { requireSquareGrid, squareOf } from './generatorRun.js';
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
  readonly system: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: string;
  readonly label_dropout: number;
  readonly dropout: number;
  readonly class_alone: number;
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
    // Runs of before knew one system.
    system: { type: 'string', enum: [...SYSTEM_NAMES], default: DEFAULT_SYSTEM.name },
    config: { type: 'object', required: [], additionalProperties: true },
    tokenizer: { type: 'string' },
    label_dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    class_alone: { type: 'number', minimum: 0, maximum: 1, default: 0 },
    labels: { type: 'array', items: { type: 'string' } },
  },
} as JSONSchemaType<GeneratorRunSettings>);

/** @throws InputError where a tokenizer speaks other codes than a system draws. */
function requireCodesKind(system: System, { kind }: TokenizerModel, source: string): void {
  if (kind.codes === system.codes) return;
  const able = SYSTEMS.filter(({ codes }) => codes === kind.codes).map(({ name }) => name);
  throw new InputError(
    `${source}: its tokenizer speaks ${kind.codes}, and ${system.title} draws ${system.codes}; use another tokenizer, or --system ${able.join(' or ')}`,
  );
}

/** The share that a network is trained with. @throws UsageError where a system cannot be trained so. */
function classAloneOf(system: System, recipe: Recipe, asked = recipe.classAlone ?? 0): number {
  if (asked === 0 || recipe.classAlone !== undefined) return asked;
  const able = SYSTEMS.filter((other) => other.recipe.classAlone !== undefined).map(({ title }) => title);
  throw new UsageError(`--class-alone: ${system.title} is not trained so; ${able.join(' and ')} can be`);
}

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
  const { tokenizer, config: wanted, ...full } = filled(request, GENERATOR_DEFAULTS);
  const system = requireSystem(full.system);
  const { data, flip, init, freeze, seed } = shared;
  if (tokenizer === undefined)
    throw new UsageError('--tokenizer is needed: a model folder, for example one of arpg train tokenizer');
  const known = openTokenizer(tokenizer);
  requireCodesKind(system, known, tokenizer);
  const { codes } = known.kind.facts(known.config);
  const tokens = openTokenSet(data, codes);
  if (tokens) requireSquareGrid(tokens, data);
  if (tokens && flip)
    onNote?.(
      `--flip has no effect on tokens: ${data} has the mirrored copies that it has; arpg tokenize --flip makes them`,
    );
  const { labels, classes, grid } = tokens
    ? { ...tokens, grid: squareOf(tokens) }
    : await describeImages(data, known);
  const sizes = system.config.sized({ codes, classes, grid, tokenizer: known.config });
  const { fields, source } = configFields(wanted, system.config.trainable);
  const config = parseSystemConfig(system, { ...fields, ...sizes }, source);
  if (init !== '') {
    const start = generatorStart(
      openGenerator(init),
      { system, config, labels, tokenizer: known.config },
      init,
      seed,
    );
    if (start.note !== undefined) onNote?.(start.note);
  }
  frozenParameters(freeze, system.training(config).graph);
  const recipe = recipeFor(system, config);
  const { labelDropout = recipe.conditionDropout, dropout = recipe.dropout } = full;
  const classAlone = classAloneOf(system, recipe, full.classAlone);
  const own = {
    system: system.name,
    config: { ...config },
    tokenizer,
    label_dropout: labelDropout,
    dropout,
    class_alone: classAlone,
    labels,
  };
  return { settings: { ...shared, kind: 'generator', ...own }, tokens };
}

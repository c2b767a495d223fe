import { arpgStep } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import {
  ARPG_PRESETS,
  arpgConfig,
  PUBLISHED_GUIDANCE,
  parseOfficialArpgConfig,
} from '../systems/arpgConfig.js';
import { InputError, UsageError } from '../errors.js';
import { isRecord } from '../files/jsonText.js';
import type { Graph } from '../graph/graph.js';
import { toHalfPrecision, type Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';
import { parseOfficialVqConfig, VQ_PRESETS, vqConfig } from '../tokenizers/vqConfig.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { type CarriedDescription, readExportMetadata } from './exportMetadata.js';
import { requireFinite } from './finiteWeights.js';
import { parseLabels } from '../conditions/labels.js';
import { matchParameters, parameterNames } from './matchParameters.js';
import type { Architecture, SamplingDefaults } from './modelConfig.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { type SelectOptions, selectTensors } from './selectTensors.js';

/** The tokenizer of the published models. */
const DEFAULT_VQ = 'VQ-16';

/** A preset by name, or a JSON file with the fields under `config` or at the top. */
function readConfig(nameOrPath: string, presets: Readonly<Record<string, object>>): unknown {
  if (Object.hasOwn(presets, nameOrPath)) return presets[nameOrPath];
  const value = readJsonFile(nameOrPath);
  if (!isRecord(value)) throw new InputError(`${nameOrPath}: not a JSON object`);
  return 'config' in value ? value.config : value;
}

export interface ImportOptions extends SelectOptions {
  /** Licence of the weights; where it is left out, what the file says. */
  readonly license?: string;
  /** Whether weights are stored in half precision. */
  readonly half?: boolean;
}

export interface GeneratorImportOptions extends ImportOptions {
  /** JSON file with the names of the classes; where it is left out, what the checkpoint says. */
  readonly labels?: string;
  /** Settings that suit the model; guidance is the paper's for the published ones. */
  readonly sampling?: SamplingDefaults;
}

/** What the file says about itself. @throws InputError when it holds the other half of a model. */
function descriptionIn(
  { metadata }: Checkpoint,
  architecture: Architecture,
  path: string,
): CarriedDescription | undefined {
  const carried = readExportMetadata(metadata, path);
  if (carried && carried.architecture !== architecture)
    throw new InputError(
      architecture === 'arpg'
        ? `${path}: it holds a tokenizer; give it with --tokenizer`
        : `${path}: it holds a generator, not a tokenizer`,
    );
  return carried;
}

/** The weights that the graphs need, known to be finite. */
function importWeights(
  graphs: readonly Graph[],
  checkpoint: Checkpoint,
  path: string,
  { half = false, ...options }: ImportOptions,
): Weights {
  const { dictionary, hint } = selectTensors(checkpoint, parameterNames(graphs), path, options);
  const weights = matchParameters(graphs, dictionary, path, hint);
  requireFinite(weights, path, 'its training failed, or it is damaged: take another checkpoint');
  if (!half) return weights;
  const halved = toHalfPrecision(weights);
  requireFinite(halved, `${path} in half precision`, 'leave out --half');
  return halved;
}

function licenseOf(given: string | undefined, carried: CarriedDescription | undefined) {
  const license = given ?? carried?.license;
  return license === undefined ? {} : { license };
}

/**
 * Reads a generator's checkpoint: an official one, or one that was exported.
 * @param configuration `ARPG-L`, `ARPG-XL`, `ARPG-XXL` or a JSON file with the official field names; undefined for what
 * the checkpoint itself says
 * @throws InputError naming the file at fault, UsageError when there is no configuration.
 */
export async function importGenerator(
  path: string,
  configuration: string | undefined,
  { labels: labelsPath, sampling: given, ...options }: GeneratorImportOptions = {},
): Promise<GeneratorModel> {
  const checkpoint = await openCheckpoint(path);
  const carried = descriptionIn(checkpoint, 'arpg', path);
  if (configuration === undefined && !carried)
    throw new UsageError(
      `${path}: it does not say its configuration; --config is needed: ${Object.keys(ARPG_PRESETS).join(', ')}, or a JSON file`,
    );
  const config =
    configuration === undefined
      ? parseOfficialArpgConfig(carried!.config, path)
      : parseOfficialArpgConfig(readConfig(configuration, ARPG_PRESETS), configuration);
  const weights = importWeights([arpgStep(arpgConfig(config))], checkpoint, path, options);
  const [labels, source] =
    labelsPath === undefined ? [carried?.labels, path] : [readJsonFile(labelsPath), labelsPath];
  const published = configuration === undefined ? undefined : PUBLISHED_GUIDANCE[configuration];
  const sampling = {
    ...(published !== undefined && { guidance: published }),
    ...carried?.sampling,
    ...given,
  };
  return {
    config,
    weights,
    labels: labels === undefined ? [] : parseLabels(labels, config.num_classes, source),
    ...licenseOf(options.license, carried),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  };
}

/**
 * Reads a tokenizer's checkpoint: an official one, or one that was exported.
 * @param configuration `VQ-16` or a JSON file with the official field names; undefined for what the checkpoint itself
 * says, or else VQ-16
 * @throws InputError naming the file at fault.
 */
export async function importTokenizer(
  path: string,
  configuration?: string,
  options: ImportOptions = {},
): Promise<TokenizerModel> {
  const checkpoint = await openCheckpoint(path);
  const carried = descriptionIn(checkpoint, 'vq', path);
  const config =
    configuration === undefined && carried
      ? parseOfficialVqConfig(carried.config, path)
      : parseOfficialVqConfig(
          readConfig(configuration ?? DEFAULT_VQ, VQ_PRESETS),
          configuration ?? DEFAULT_VQ,
        );
  const graphs = [vqEncoder(vqConfig(config)), vqDecoder(vqConfig(config))];
  const weights = importWeights(graphs, checkpoint, path, options);
  return { config, weights, ...licenseOf(options.license, carried) };
}

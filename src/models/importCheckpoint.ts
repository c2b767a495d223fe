import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { parseLabels } from '../conditions/labels.js';
import { InputError, quotable, UsageError } from '../errors.js';
import { isRecord } from '../files/jsonText.js';
import type { Graph } from '../graph/graph.js';
import { toHalfPrecision, type Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';
import {
  DEFAULT_SYSTEM,
  findSystem,
  requireSystem,
  SYSTEM_NAMES,
  SYSTEM_PRESETS,
  SYSTEMS,
} from '../systems/registry.js';
import type { System, SystemCheckpoint, SystemFacts } from '../systems/system.js';
import { DEFAULT_TOKENIZER, findTokenizer, TOKENIZER_PRESETS, TOKENIZERS } from '../tokenizers/registry.js';
import type { TokenizerKind } from '../tokenizers/tokenizerKind.js';
import { type CarriedDescription, readExportMetadata } from './exportMetadata.js';
import { requireFinite } from './finiteWeights.js';
import { matchParameters, parameterNames } from './matchParameters.js';
import { parameterGraphs, withTokenizerParameters } from './tokenizerParameters.js';
import type { SamplingDefaults } from './modelConfig.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';
import { parseSystemConfig, parseTokenizerConfig } from './parseConfig.js';
import { type SelectOptions, selectTensors } from './selectTensors.js';

/** A JSON file with the fields of a configuration under `config` or at the top. */
function readConfig(path: string): unknown {
  const value = readJsonFile(path);
  if (!isRecord(value)) throw new InputError(`${path}: not a JSON object`);
  return 'config' in value ? value.config : value;
}

export interface ImportOptions extends SelectOptions {
  /** Licence of the weights; where it is left out, what the file says. */
  readonly license?: string;
  /** Whether weights are stored in half precision. */
  readonly half?: boolean;
}

export interface GeneratorImportOptions extends ImportOptions {
  /** Name of the system; where it is left out, the preset's or what the checkpoint says, or its names. */
  readonly system?: string;
  /** JSON file with the names of the classes; where it is left out, what the checkpoint says. */
  readonly labels?: string;
  /** The tokenizer that it draws with; systems whose graphs have parameters of it need it. */
  readonly tokenizer?: TokenizerModel;
  /** Settings that suit the model; guidance is the paper's for the published ones. */
  readonly sampling?: SamplingDefaults;
}

/** What the file says about itself. @throws InputError when it holds the other half of a model. */
function descriptionIn(
  { metadata }: Checkpoint,
  part: 'generator' | 'tokenizer',
  path: string,
): CarriedDescription | undefined {
  const carried = readExportMetadata(metadata, path);
  if (!carried) return undefined;
  const holds = findSystem(carried.architecture) ? 'generator' : 'tokenizer';
  if (holds !== part)
    throw new InputError(
      part === 'generator'
        ? `${path}: it holds a tokenizer; give it with --tokenizer`
        : `${path}: it holds a generator, not a tokenizer`,
    );
  return carried;
}

/** All that names end with after a dot, and the names themselves: wrappers put prefixes before them. */
function endings({ dictionaries }: Checkpoint): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { names } of dictionaries.values())
    for (const name of names)
      for (let start = 0; start >= 0; start = name.indexOf('.', start) + 1 || -1)
        found.add(name.slice(start));
  return found;
}

/** The system that a checkpoint's names are of; undefined for none. */
function recognisedSystem(checkpoint: Checkpoint): System | undefined {
  const names = endings(checkpoint);
  return SYSTEMS.find((system) => system.checkpoint.recognise(names));
}

/** The system and its configuration: from a preset, a JSON file, or what the checkpoint says of itself. */
function describedGenerator(
  checkpoint: Checkpoint,
  path: string,
  configuration: string | undefined,
  wanted: string | undefined,
  carried: CarriedDescription | undefined,
): { readonly system: System; readonly config: object; readonly guidance?: number } {
  const given = wanted === undefined ? undefined : requireSystem(wanted);
  const preset = configuration === undefined ? undefined : SYSTEM_PRESETS.get(configuration);
  if (configuration !== undefined && preset) {
    if (given && given !== preset.system)
      throw new UsageError(`--config ${configuration} is of ${preset.system.title}, not of ${given.title}`);
    const { config, guidance } = preset.system.config.presets[configuration]!;
    const { system } = preset;
    return {
      system,
      config: parseSystemConfig(system, config, configuration),
      ...(guidance !== undefined && { guidance }),
    };
  }
  const known = given ?? (carried && findSystem(carried.architecture)) ?? recognisedSystem(checkpoint);
  const system = known ?? DEFAULT_SYSTEM;
  if (configuration !== undefined)
    return { system, config: parseSystemConfig(system, readConfig(configuration), configuration) };
  if (carried) return { system, config: parseSystemConfig(system, carried.config, path) };
  const presets = known ? Object.keys(known.config.presets) : [...SYSTEM_PRESETS.keys()];
  throw new UsageError(
    `${path}: it does not say its configuration; --config is needed: ${presets.join(', ')}, or a JSON file`,
  );
}

/** Positions whose number a checkpoint tells by the RoPE table that some carry. */
const ROPE_TABLE = /(^|\.)freqs_cis$/;

/** @throws InputError where a checkpoint carries the RoPE table of another grid than the configuration's. */
function requireRopeTable({ dictionaries }: Checkpoint, { grid }: SystemFacts, path: string): void {
  const rows = 1 + grid.height * grid.width;
  for (const { names, tensor } of dictionaries.values())
    for (const name of names) {
      const shape = ROPE_TABLE.test(name) ? tensor(name)?.shape : undefined;
      if (shape && shape.length > 1 && shape[0] !== rows)
        throw new InputError(
          `${path}: its RoPE table '${quotable(name)}' is of ${shape[0]! - 1} tokens, the configuration of ${rows - 1}; check block_size`,
        );
    }
}

/** The weights that the graphs need, known to be finite. */
function importWeights(
  graphs: readonly Graph[],
  {
    ignored,
    tied = {},
    ofTokenizer,
    key: usualKey,
  }: Pick<SystemCheckpoint<object>, 'ignored' | 'tied' | 'ofTokenizer'> & { readonly key?: string },
  checkpoint: Checkpoint,
  path: string,
  { half = false, ...options }: ImportOptions,
): Weights {
  const wanted = parameterNames(graphs).filter((name) => !ofTokenizer?.test(name));
  const { dictionary, hint } = selectTensors(checkpoint, wanted, path, { ...options, usualKey });
  const weights = matchParameters(graphs, dictionary, path, { ignored, tied, elsewhere: ofTokenizer, hint });
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
 * @param configuration a published configuration's name or a JSON file with the official field names; undefined for what
 * the checkpoint itself says
 * @throws InputError naming the file at fault, UsageError when there is no configuration.
 */
export async function importGenerator(
  path: string,
  configuration: string | undefined,
  { labels: labelsPath, sampling: given, system: wanted, tokenizer, ...options }: GeneratorImportOptions = {},
): Promise<GeneratorModel> {
  const checkpoint = await openCheckpoint(path);
  const carried = descriptionIn(checkpoint, 'generator', path);
  const { system, config, guidance } = describedGenerator(checkpoint, path, configuration, wanted, carried);
  if (wanted === undefined && !carried && !recognisedSystem(checkpoint))
    options.note?.(
      `${path}: its parameters are of none of ${SYSTEM_NAMES.join(', ')}; it is read as ${system.title}`,
    );
  requireRopeTable(checkpoint, system.config.facts(config), path);
  const graphs = parameterGraphs(system, config);
  const own = importWeights(graphs, system.checkpoint, checkpoint, path, options);
  const ofTokenizer = () => {
    if (tokenizer) return tokenizer.weights;
    throw new UsageError(`${system.title} draws with its tokenizer's codes: name its file with --tokenizer`);
  };
  const weights = withTokenizerParameters(system, config, own, ofTokenizer, path);
  const [labels, source] =
    labelsPath === undefined ? [carried?.labels, path] : [readJsonFile(labelsPath), labelsPath];
  const sampling = { ...(guidance !== undefined && { guidance }), ...carried?.sampling, ...given };
  return {
    system,
    config,
    weights,
    labels: labels === undefined ? [] : parseLabels(labels, system.config.facts(config).classes, source),
    ...licenseOf(options.license, carried),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  };
}

export interface TokenizerImportOptions extends ImportOptions {
  /**
   * The generator's configuration, a preset or a JSON file: some hold the tokenizer's, which is taken where nothing else
   * says it.
   */
  readonly generatorConfiguration?: string | undefined;
}

/** The fields that a name means: a preset's of a generator or a tokenizer, or those of a JSON file. */
function fieldsNamed(name: string): object {
  const preset = TOKENIZER_PRESETS.get(name) ?? SYSTEM_PRESETS.get(name);
  return preset?.config ?? (readConfig(name) as object);
}

/** The kind of a tokenizer and its fields: from a preset, a JSON file, what the checkpoint says, or the generator's. */
function describedTokenizer(
  checkpoint: Checkpoint,
  path: string,
  configuration: string | undefined,
  carried: CarriedDescription | undefined,
  { generatorConfiguration }: TokenizerImportOptions,
): { readonly kind: TokenizerKind; readonly fields: unknown; readonly source: string } {
  const names = endings(checkpoint);
  const kind =
    TOKENIZER_PRESETS.get(configuration ?? '')?.kind ??
    findTokenizer(carried?.architecture ?? '') ??
    TOKENIZERS.find((own) => own.recognise?.(names)) ??
    DEFAULT_TOKENIZER;
  if (configuration !== undefined) {
    const fields = fieldsNamed(configuration);
    return { kind, fields: kind.fieldsIn?.(fields) ?? fields, source: configuration };
  }
  if (carried) return { kind, fields: carried.config, source: path };
  const ofGenerator =
    generatorConfiguration === undefined ? undefined : kind.fieldsIn?.(fieldsNamed(generatorConfiguration));
  if (ofGenerator) return { kind, fields: ofGenerator, source: generatorConfiguration! };
  const [[preset, fields]] = Object.entries(kind.presets) as [[string, object]];
  return { kind, fields, source: preset };
}

/**
 * Reads a tokenizer's checkpoint: an official one, or one that was exported.
 * @param configuration a published configuration's name, of a generator with such a tokenizer too, or a JSON file with the
 * official field names; undefined for what the checkpoint itself says, the generator's configuration, or else the kind's own
 * @throws InputError naming the file at fault.
 */
export async function importTokenizer(
  path: string,
  configuration?: string,
  options: TokenizerImportOptions = {},
): Promise<TokenizerModel> {
  const checkpoint = await openCheckpoint(path);
  const carried = descriptionIn(checkpoint, 'tokenizer', path);
  const { kind, fields, source } = describedTokenizer(checkpoint, path, configuration, carried, options);
  const config = parseTokenizerConfig(kind, fields, source);
  const { encoder, decoder } = kind.graphs(config);
  const weights = importWeights([encoder(), decoder()], kind, checkpoint, path, options);
  return { kind, config, weights, ...licenseOf(options.license, carried) };
}

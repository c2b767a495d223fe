import { existsSync, statSync } from 'node:fs';
import { InputError, UsageError } from '../errors.js';
import { countElements } from '../graph/dimension.js';
import { modelFolder, shownName } from '../modelPlaces.js';
import { architectureOf, readModelConfig, type SamplingDefaults } from '../models/modelConfig.js';
import { type GeneratorModel, openGenerator, type TokenizerModel } from '../models/modelFolder.js';
import { parseSystemConfig, parseTokenizerConfig } from '../models/parseConfig.js';
import { parameterGraphs } from '../models/tokenizerParameters.js';
import { requireModelThere } from '../library/modelNames.js';
import { SYSTEM_PRESETS, SYSTEMS } from '../systems/registry.js';
import type { System } from '../systems/system.js';
import { TOKENIZERS } from '../tokenizers/registry.js';
import type { NetworkSize } from './lists.js';
import { randomWeights } from './randomWeights.js';

/** Pixels along both sides of what networks of a size draw, and their classes: those of the published models. */
const PIXELS = 256;
const CLASSES = 1000;

/** A network to measure. */
export interface BenchModel {
  /** As rows call it. */
  readonly name: string;
  readonly generator: GeneratorModel;
  /** Numbers in the generator's parameters, those of its tokenizer left out. */
  readonly parameters: number;
  /** Where its weights lie; those of others are random, and theirs are here, with a tokenizer's. */
  readonly source: { readonly folder: string } | { readonly tokenizer: TokenizerModel };
}

/** Numbers in the parameters that are the generator's own. */
function countParameters({ system, weights }: Pick<GeneratorModel, 'system' | 'weights'>): number {
  const { ofTokenizer } = system.checkpoint;
  return [...weights].reduce(
    (sum, [name, { shape }]) => (ofTokenizer?.test(name) ? sum : sum + countElements(shape)),
    0,
  );
}

/** The kind of tokenizer that a system speaks with, and its published configuration. */
function usualTokenizer({ codes }: Pick<System, 'codes'>) {
  const kind = TOKENIZERS.find((own) => own.codes === codes)!;
  return { kind, preset: Object.values(kind.presets)[0]! };
}

/** A network of random weights. */
function randomModel(
  name: string,
  system: System,
  config: object,
  { seed, sampling }: { readonly seed: number; readonly sampling?: SamplingDefaults | undefined },
): BenchModel {
  const { kind, preset } = usualTokenizer(system);
  const fields = parseTokenizerConfig(kind, kind.fieldsIn?.(config) ?? preset, name);
  const { encoder, decoder } = kind.graphs(fields);
  const tokenizer = { kind, config: fields, weights: randomWeights([encoder(), decoder()], seed) };
  const weights = randomWeights(parameterGraphs(system, config), seed);
  const generator = { system, config, weights, labels: [], ...(sampling && { sampling }) };
  return { name, generator, parameters: countParameters(generator), source: { tokenizer } };
}

/** What suits a published configuration. */
function suited(guidance: number | undefined): SamplingDefaults | undefined {
  return guidance === undefined ? undefined : { guidance };
}

/**
 * A network by its name: of a published configuration or of a `.json` file like a model folder's, with random weights; or
 * a model folder.
 * @param seed of random weights
 * @throws InputError when there is none, or the file is at fault.
 */
export function namedModel(name: string, seed: number): BenchModel {
  const preset = existsSync(name) ? undefined : SYSTEM_PRESETS.get(name);
  if (preset) {
    const { guidance } = preset.system.config.presets[name]!;
    return randomModel(name, preset.system, preset.config, { seed, sampling: suited(guidance) });
  }
  if (existsSync(name) && !statSync(name).isDirectory()) {
    const file = readModelConfig(name);
    const system = architectureOf(file, SYSTEMS, name);
    const { sampling } = file;
    const title = name.replace(/^.*\//, '').replace(/\.json$/, '');
    return randomModel(title, system, parseSystemConfig(system, file.config, name), { seed, sampling });
  }
  const folder = modelFolder(name);
  if (!existsSync(folder)) requireKnown(name, folder);
  const generator = openGenerator(folder);
  return { name: shownName(folder), generator, parameters: countParameters(generator), source: { folder } };
}

/** @throws InputError that also says how published configurations are named. */
function requireKnown(name: string, folder: string): void {
  try {
    requireModelThere(folder);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}; --models also takes published configurations such as ${[...SYSTEM_PRESETS.keys()].slice(0, 2).join(' and ')}, which '${name}' is none of`,
    );
  }
}

/** The fields that the data decides: pictures of 256 × 256 pixels of 1,000 classes. */
function sizedFields(system: System): object {
  const { kind, preset } = usualTokenizer(system);
  const { factor, codes } = kind.facts(preset);
  const side = PIXELS / factor;
  const grid = { height: side, width: side };
  return system.config.sized({ grid, classes: CLASSES, codes, tokenizer: preset });
}

/** The parameters of a configuration. */
const parametersOf = (system: System, config: object): number =>
  countParameters({ system, weights: randomWeights(parameterGraphs(system, config)) });

/** A published configuration for pictures of 256 × 256 pixels, and its name. */
function publishedFor(system: System, name: string): { readonly name: string; readonly config: object } {
  const { config } = system.config.presets[name]!;
  const sized = { ...config, ...sizedFields(system) };
  const [own, wanted] = [config, sized].map((fields) => system.config.facts(fields).grid);
  if (own!.height === wanted!.height && own!.width === wanted!.width) return { name, config };
  return {
    name: `${name.replace(/-\d+$/, '')}-${PIXELS}`,
    config: parseSystemConfig(system, sized, name),
  };
}

/** The published configuration of a system whose parameters are in the smallest proportion to the number asked for. */
function nearestPublished(system: System, wanted: number) {
  const isOwnSize = (name: string) => publishedFor(system, name).name === name;
  const names = Object.keys(system.config.presets).sort(
    (a, b) => Number(isOwnSize(b)) - Number(isOwnSize(a)),
  );
  const candidates = names.map((name) => {
    const published = publishedFor(system, name);
    const distance = Math.abs(Math.log(parametersOf(system, published.config) / wanted));
    return { ...published, distance, guidance: system.config.presets[name]!.guidance };
  });
  return candidates.reduce((best, own) => (own.distance < best.distance ? own : best));
}

/**
 * A network of a system, of about a size, with random weights, for pictures of 256 × 256 pixels: a published one where the
 * size is a number of parameters.
 * @param seed of the weights
 */
export function sizedModel(system: System, size: NetworkSize, seed: number): BenchModel {
  if (typeof size === 'string') {
    const fields = system.config.trainable[size];
    if (!fields) throw new UsageError(`${system.title} has no size '${size}'`);
    const name = `${system.name}-${size}`;
    const config = parseSystemConfig(system, { ...fields, ...sizedFields(system) }, name);
    return randomModel(name, system, config, { seed });
  }
  const { name, config, guidance } = nearestPublished(system, size.parameters);
  return randomModel(name, system, config, { seed, sampling: suited(guidance) });
}

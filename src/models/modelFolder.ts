import { existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../atomicFile.js';
import { InputError } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';
import { SYSTEMS } from '../systems/registry.js';
import type { System } from '../systems/system.js';
import { TOKENIZERS, findTokenizer } from '../tokenizers/registry.js';
import type { TokenizerKind } from '../tokenizers/tokenizerKind.js';
import { dictionaryOfWeights } from '../checkpoints/checkpoint.js';
import { type Aliases, aliasesByClass, parseAliases } from '../conditions/aliases.js';
import { type Labels, parseLabels } from '../conditions/labels.js';
import { matchParameters } from './matchParameters.js';
import { ownWeights, parameterGraphs, withTokenizerParameters } from './tokenizerParameters.js';
import { modelCard } from './modelCard.js';
import { fromFileForm, toFileForm } from './quantizedFiles.js';
import { parseSystemConfig, parseTokenizerConfig } from './parseConfig.js';
import {
  architectureOf,
  CONFIG_FILE,
  FORMAT_VERSION,
  type ModelConfigFile,
  readModelConfig,
  type SamplingDefaults,
} from './modelConfig.js';
import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';

export const WEIGHTS_FILE = 'model.safetensors';
export const LABELS_FILE = 'labels.json';
export const ALIASES_FILE = 'aliases.json';
export const TOKENIZER_FOLDER = 'tokenizer';
const CARD_FILE = 'README.md';

export interface GeneratorModel {
  readonly system: System;
  /** In the official field names. */
  readonly config: object;
  readonly weights: Weights;
  readonly labels: Labels;
  /** What else the classes are called; undefined where nobody said. */
  readonly aliases?: Aliases;
  /** Under which the weights may be used, in words; undefined where nobody said. */
  readonly license?: string;
  /** Settings that suit the model. */
  readonly sampling?: SamplingDefaults;
}

export interface TokenizerModel {
  readonly kind: TokenizerKind;
  /** In the official field names. */
  readonly config: object;
  readonly weights: Weights;
  readonly license?: string;
}

/** @throws InputError where there is no folder. */
export function requireFolder(folder: string): void {
  if (!existsSync(folder))
    throw new InputError(`${folder}: no such model folder; make one with 'arpg import'`);
  if (!statSync(folder).isDirectory())
    throw new InputError(`${folder}: not a folder; make a model folder with 'arpg import'`);
}

/** What the classes of a model are called. */
export interface ClassNames {
  /** By index; empty where they have none. */
  readonly labels: Labels;
  readonly aliases?: Aliases;
}

/**
 * The names of a model's classes.
 * @throws InputError naming the file at fault.
 */
export function readClassNames(folder: string, classes: number): ClassNames {
  const [labelsPath, aliasesPath] = [join(folder, LABELS_FILE), join(folder, ALIASES_FILE)];
  if (!existsSync(labelsPath)) return { labels: [] };
  const labels = parseLabels(readJsonFile(labelsPath), classes, labelsPath);
  if (!existsSync(aliasesPath)) return { labels };
  return { labels, aliases: parseAliases(readJsonFile(aliasesPath), labels, aliasesPath) };
}

/**
 * Opens the generator of a model folder; its weights stay in the file.
 * @throws InputError naming the file at fault.
 */
export function openGenerator(folder: string): GeneratorModel {
  requireFolder(folder);
  const path = join(folder, CONFIG_FILE);
  const file = readModelConfig(path);
  const system = architectureOf(file, SYSTEMS, path);
  const config = parseSystemConfig(system, file.config, path);
  const weightsPath = join(folder, WEIGHTS_FILE);
  const own = matchParameters(
    parameterGraphs(system, config),
    dictionaryOfWeights(fromFileForm(openSafetensors(weightsPath).tensors, weightsPath)),
    weightsPath,
    { ...system.checkpoint, elsewhere: system.checkpoint.ofTokenizer },
  );
  const ofTokenizer = () => openTokenizer(folder).weights;
  const weights = withTokenizerParameters(system, config, own, ofTokenizer, folder);
  const { sampling } = file;
  return {
    ...{ system, config, weights },
    ...readClassNames(folder, system.config.facts(config).classes),
    ...licenseOf(file),
    ...(sampling && { sampling }),
  };
}

/**
 * Opens the tokenizer of a model folder, or of a folder that holds only a tokenizer.
 * @throws InputError naming the file at fault.
 */
export function openTokenizer(folder: string): TokenizerModel {
  requireFolder(folder);
  const nested = join(folder, TOKENIZER_FOLDER);
  const alone = join(folder, CONFIG_FILE);
  const isTokenizer = existsSync(alone) && findTokenizer(readModelConfig(alone).architecture) !== undefined;
  if (!existsSync(nested) && !isTokenizer)
    throw new InputError(`${folder}: the model has no tokenizer; import it again with --tokenizer`);
  const own = existsSync(nested) ? nested : folder;
  const path = join(own, CONFIG_FILE);
  const file = readModelConfig(path);
  const kind = architectureOf(file, TOKENIZERS, path);
  const config = parseTokenizerConfig(kind, file.config, path);
  const weightsPath = join(own, WEIGHTS_FILE);
  const { encoder, decoder } = kind.graphs(config);
  const weights = matchParameters(
    [encoder(), decoder()],
    dictionaryOfWeights(openSafetensors(weightsPath).tensors),
    weightsPath,
    { ignored: kind.ignored },
  );
  return { kind, config, weights, ...licenseOf(file) };
}

function licenseOf({ license }: ModelConfigFile): { readonly license?: string } {
  return license === undefined ? {} : { license };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

function writeModel(
  folder: string,
  architecture: string,
  { config, weights, license, ...rest }: GeneratorModel | TokenizerModel,
): void {
  const file: ModelConfigFile = {
    format_version: FORMAT_VERSION,
    architecture,
    ...(license !== undefined && { license }),
    ...('sampling' in rest && rest.sampling && { sampling: rest.sampling }),
    config: { ...config },
  };
  writeFileAtomically(join(folder, CONFIG_FILE), [json(file)]);
  const own = 'system' in rest ? ownWeights(rest.system, weights) : weights;
  writeFileAtomically(join(folder, WEIGHTS_FILE), serializeSafetensors(toFileForm(own)));
}

/** What a model folder is made of. */
export interface ModelParts {
  readonly generator?: GeneratorModel;
  readonly tokenizer?: TokenizerModel;
  /** Which of a training's weights these are, for the card. */
  readonly origin?: string;
}

/**
 * Writes a model folder with a model card, which appears complete or not at all. Weights keep their element type.
 * @throws OutputError when it exists already or cannot be written.
 */
export async function writeModelFolder(
  folder: string,
  { generator, tokenizer, origin }: ModelParts,
): Promise<void> {
  await writeFolderAtomically(folder, (partial) => {
    if (generator) {
      writeModel(partial, generator.system.name, generator);
      if (generator.labels.length > 0)
        writeFileAtomically(join(partial, LABELS_FILE), [json(generator.labels)]);
      if (generator.aliases)
        writeFileAtomically(join(partial, ALIASES_FILE), [
          json(aliasesByClass(generator.aliases, generator.labels)),
        ]);
    }
    writeFileAtomically(join(partial, CARD_FILE), [
      new TextEncoder().encode(modelCard(basename(folder), { generator, tokenizer, origin })),
    ]);
    if (!tokenizer) return;
    const own = generator ? join(partial, TOKENIZER_FOLDER) : partial;
    if (generator) mkdirSync(own);
    writeModel(own, tokenizer.kind.name, tokenizer);
  });
}

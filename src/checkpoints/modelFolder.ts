import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { JSONSchemaType } from 'ajv';
import { arpgStep } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { arpgConfig, type OfficialArpgConfig, parseOfficialArpgConfig } from '../arpg/config.js';
import { writeFileAtomically, writeFolderAtomically } from '../atomicFile.js';
import { InputError } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { readJsonFile, validator } from '../jsonFile.js';
import { type OfficialVqConfig, parseOfficialVqConfig, vqConfig } from '../tokenizer/config.js';
import { type Labels, parseLabels } from './labels.js';
import { matchParameters } from './matchParameters.js';
import { openSafetensors, serializeSafetensors } from './safetensors.js';

/** Version of the folder's layout; a newer one is refused. */
const FORMAT_VERSION = 1;

const CONFIG_FILE = 'config.json';
const WEIGHTS_FILE = 'model.safetensors';
const LABELS_FILE = 'labels.json';
const TOKENIZER_FOLDER = 'tokenizer';

type Architecture = 'arpg' | 'vq';

interface ConfigFile {
  readonly format_version: number;
  readonly architecture: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const configSchema: JSONSchemaType<ConfigFile> = {
  type: 'object',
  required: ['format_version', 'architecture', 'config'],
  properties: {
    format_version: { type: 'integer', minimum: 1 },
    architecture: { type: 'string' },
    config: { type: 'object', required: [], additionalProperties: true },
  },
  additionalProperties: false,
};
const validateConfig = validator(configSchema);

export interface GeneratorModel {
  readonly config: OfficialArpgConfig;
  readonly weights: Weights;
  readonly labels: Labels;
}

export interface TokenizerModel {
  readonly config: OfficialVqConfig;
  readonly weights: Weights;
}

function readConfig(folder: string, architecture: Architecture): ConfigFile['config'] {
  const path = join(folder, CONFIG_FILE);
  const file = validateConfig(readJsonFile(path), path);
  if (file.format_version > FORMAT_VERSION)
    throw new InputError(
      `${path}: format version ${file.format_version} is newer than this program knows (${FORMAT_VERSION}); update arpg`,
    );
  if (file.architecture !== architecture)
    throw new InputError(`${path}: architecture '${file.architecture}' where '${architecture}' is expected`);
  return file.config;
}

function requireFolder(folder: string): void {
  if (!existsSync(folder))
    throw new InputError(`${folder}: no such model folder; make one with 'arpg import'`);
  if (!statSync(folder).isDirectory())
    throw new InputError(`${folder}: not a folder; make a model folder with 'arpg import'`);
}

/**
 * Opens the generator of a model folder; its weights stay in the file.
 * @throws InputError naming the file at fault.
 */
export function openGenerator(folder: string): GeneratorModel {
  requireFolder(folder);
  const config = parseOfficialArpgConfig(readConfig(folder, 'arpg'), join(folder, CONFIG_FILE));
  const weightsPath = join(folder, WEIGHTS_FILE);
  const weights = matchParameters(
    [arpgStep(arpgConfig(config))],
    openSafetensors(weightsPath).tensors,
    weightsPath,
  );
  const labelsPath = join(folder, LABELS_FILE);
  const labels = existsSync(labelsPath)
    ? parseLabels(readJsonFile(labelsPath), config.num_classes, labelsPath)
    : undefined;
  return { config, weights, labels: labels ?? [] };
}

/**
 * Opens the tokenizer of a model folder, or of a folder that holds only a tokenizer.
 * @throws InputError naming the file at fault.
 */
export function openTokenizer(folder: string): TokenizerModel {
  requireFolder(folder);
  const nested = join(folder, TOKENIZER_FOLDER);
  const alone =
    existsSync(join(folder, CONFIG_FILE)) && validateConfig(readJsonFile(join(folder, CONFIG_FILE)), folder);
  if (!existsSync(nested) && !(alone && alone.architecture === 'vq'))
    throw new InputError(`${folder}: the model has no tokenizer; import it again with --tokenizer`);
  const own = existsSync(nested) ? nested : folder;
  const config = parseOfficialVqConfig(readConfig(own, 'vq'), join(own, CONFIG_FILE));
  const weightsPath = join(own, WEIGHTS_FILE);
  const graphs = [vqEncoder(vqConfig(config)), vqDecoder(vqConfig(config))];
  return { config, weights: matchParameters(graphs, openSafetensors(weightsPath).tensors, weightsPath) };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

function writeModel(folder: string, architecture: Architecture, config: object, weights: Weights): void {
  writeFileAtomically(join(folder, CONFIG_FILE), [
    json({ format_version: FORMAT_VERSION, architecture, config }),
  ]);
  writeFileAtomically(join(folder, WEIGHTS_FILE), serializeSafetensors(weights));
}

/**
 * Writes a model folder, which appears complete or not at all. Weights keep their element type.
 * @throws OutputError when it exists already or cannot be written.
 */
export async function writeModelFolder(
  folder: string,
  { generator, tokenizer }: { readonly generator?: GeneratorModel; readonly tokenizer?: TokenizerModel },
): Promise<void> {
  await writeFolderAtomically(folder, (partial) => {
    if (generator) {
      writeModel(partial, 'arpg', generator.config, generator.weights);
      if (generator.labels.length > 0)
        writeFileAtomically(join(partial, LABELS_FILE), [json(generator.labels)]);
    }
    if (!tokenizer) return;
    const own = generator ? join(partial, TOKENIZER_FOLDER) : partial;
    if (generator) mkdirSync(own);
    writeModel(own, 'vq', tokenizer.config, tokenizer.weights);
  });
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors } from '../checkpoints/safetensors.js';
import { countElements } from '../graph/dimension.js';
import { byteLength, type Weights } from '../graph/weights.js';
import { SYSTEMS } from '../systems/registry.js';
import { TOKENIZERS, findTokenizer } from '../tokenizers/registry.js';
import {
  architectureOf,
  CONFIG_FILE,
  type ModelConfigFile,
  readModelConfig,
  type SamplingDefaults,
} from './modelConfig.js';
import { requireFolder, TOKENIZER_FOLDER, WEIGHTS_FILE } from './modelFolder.js';
import { parseSystemConfig, parseTokenizerConfig } from './parseConfig.js';
import { fromFileForm } from './quantizedFiles.js';

/** What is worth knowing of a model before it is used. */
export interface ModelSummary {
  /** Title of its system, or of its kind of tokenizer where it is one alone. */
  readonly system: string;
  /** Sizes of its network in a few words. */
  readonly sizes: string;
  /** Numbers in the weights of both halves. */
  readonly parameters: number;
  /** Bytes that the weights take. */
  readonly bytes: number;
  /** None for a tokenizer alone. */
  readonly classes?: number;
  /** Tokens down and across a picture. */
  readonly grid?: readonly [number, number];
  /** Height and width of a picture in pixels; undefined where there is no tokenizer. */
  readonly picture?: readonly [number, number];
  readonly license?: string;
  readonly sampling?: SamplingDefaults;
}

/** The headers of a file of weights alone are read. */
function tensorsIn(folder: string): Weights {
  const path = join(folder, WEIGHTS_FILE);
  return openSafetensors(path).tensors;
}

const elementsOf = (weights: Weights): number =>
  [...weights.values()].reduce((sum, { shape }) => sum + countElements(shape), 0);

function sizeOf(folders: readonly string[]): Pick<ModelSummary, 'parameters' | 'bytes'> {
  const files = folders.map((folder) => ({ folder, tensors: tensorsIn(folder) }));
  return {
    parameters: files.reduce(
      (sum, { folder, tensors }) => sum + elementsOf(fromFileForm(tensors, folder)),
      0,
    ),
    bytes: files.reduce(
      (sum, { tensors }) => sum + [...tensors.values()].reduce((own, tensor) => own + byteLength(tensor), 0),
      0,
    ),
  };
}

function tokenizerFacts(folder: string, file: ModelConfigFile) {
  const path = join(folder, CONFIG_FILE);
  const kind = architectureOf(file, TOKENIZERS, path);
  const config = parseTokenizerConfig(kind, file.config, path);
  return { title: kind.title, sizes: kind.describe(config), ...kind.facts(config) };
}

const saidOf = ({ license, sampling }: ModelConfigFile): Pick<ModelSummary, 'license' | 'sampling'> => ({
  ...(license !== undefined && { license }),
  ...(sampling && { sampling }),
});

/**
 * What a model folder says of itself; of its weights only the headers are read.
 * @throws InputError naming the file at fault.
 */
export function summarizeModel(folder: string): ModelSummary {
  requireFolder(folder);
  const path = join(folder, CONFIG_FILE);
  const file = readModelConfig(path);
  if (findTokenizer(file.architecture) !== undefined) {
    const { title, sizes, imageSize, factor } = tokenizerFacts(folder, file);
    const side = imageSize / factor;
    return {
      ...{ system: title, sizes, ...sizeOf([folder]), ...saidOf(file) },
      ...{ grid: [side, side], picture: [imageSize, imageSize] },
    };
  }
  const system = architectureOf(file, SYSTEMS, path);
  const config = parseSystemConfig(system, file.config, path);
  const { classes, grid } = system.config.facts(config);
  const nested = join(folder, TOKENIZER_FOLDER);
  const hasTokenizer = existsSync(nested);
  const facts = hasTokenizer ? tokenizerFacts(nested, readModelConfig(join(nested, CONFIG_FILE))) : undefined;
  return {
    system: system.title,
    sizes: system.config.describe(config),
    ...sizeOf(hasTokenizer ? [folder, nested] : [folder]),
    classes,
    grid: [grid.height, grid.width],
    ...(facts && { picture: [grid.height * facts.factor, grid.width * facts.factor] as const }),
    ...saidOf(file),
  };
}

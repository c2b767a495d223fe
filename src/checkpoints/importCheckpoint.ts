import { arpgStep } from '../../graphs/arpg.js';
import { vqDecoder, vqEncoder } from '../../graphs/vqTokenizer.js';
import { ARPG_PRESETS, arpgConfig, PUBLISHED_GUIDANCE, parseOfficialArpgConfig } from '../arpg/config.js';
import { InputError } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';
import { parseOfficialVqConfig, VQ_PRESETS, vqConfig } from '../tokenizer/config.js';
import type { Labels } from './labels.js';
import { parseLabels } from './labels.js';
import { matchParameters } from './matchParameters.js';
import type { SamplingDefaults } from './modelConfig.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';
import { openPytorch } from './pytorch.js';
import { openSafetensors } from './safetensors.js';

/** The tensors of a `.safetensors` file, or of what `torch.save` wrote. */
async function openCheckpoint(path: string): Promise<Weights> {
  return path.endsWith('.safetensors') ? openSafetensors(path).tensors : (await openPytorch(path)).tensors;
}

/** A preset by name, or a JSON file with the fields under `config` or at the top. */
function readConfig(nameOrPath: string, presets: Readonly<Record<string, object>>): unknown {
  const preset = presets[nameOrPath];
  if (preset) return preset;
  const value = readJsonFile(nameOrPath);
  if (typeof value !== 'object' || value === null) throw new InputError(`${nameOrPath}: not a JSON object`);
  return 'config' in value ? value.config : value;
}

export interface GeneratorImportOptions {
  /** JSON file with the names of the classes. */
  readonly labels?: string;
  /** Licence of the weights. */
  readonly license?: string;
  /** Settings that suit the model; guidance is the paper's for the published ones. */
  readonly sampling?: SamplingDefaults;
}

/**
 * Reads a generator's official checkpoint.
 * @param configuration `ARPG-L`, `ARPG-XL`, `ARPG-XXL` or a JSON file with the official field names
 * @throws InputError naming the file at fault.
 */
export async function importGenerator(
  path: string,
  configuration: string,
  { labels: labelsPath, license, sampling: given }: GeneratorImportOptions = {},
): Promise<GeneratorModel> {
  const config = parseOfficialArpgConfig(readConfig(configuration, ARPG_PRESETS), configuration);
  const weights = matchParameters([arpgStep(arpgConfig(config))], await openCheckpoint(path), path);
  const labels: Labels =
    labelsPath === undefined ? [] : parseLabels(readJsonFile(labelsPath), config.num_classes, labelsPath);
  const published = PUBLISHED_GUIDANCE[configuration];
  const sampling = { ...(published !== undefined && { guidance: published }), ...given };
  return {
    config,
    weights,
    labels,
    ...(license !== undefined && { license }),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  };
}

/**
 * Reads a tokenizer's official checkpoint.
 * @param configuration `VQ-16` or a JSON file with the official field names
 * @throws InputError naming the file at fault.
 */
export async function importTokenizer(
  path: string,
  configuration: string,
  license?: string,
): Promise<TokenizerModel> {
  const config = parseOfficialVqConfig(readConfig(configuration, VQ_PRESETS), configuration);
  const graphs = [vqEncoder(vqConfig(config)), vqDecoder(vqConfig(config))];
  const weights = matchParameters(graphs, await openCheckpoint(path), path);
  return { config, weights, ...(license !== undefined && { license }) };
}

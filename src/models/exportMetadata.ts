import { InputError } from '../errors.js';
import { JsonError, parseJson } from '../files/jsonText.js';
import { findSystem } from '../systems/registry.js';
import { findTokenizer } from '../tokenizers/registry.js';
import { parseSamplingDefaults, type SamplingDefaults } from './modelConfig.js';
import type { GeneratorModel, TokenizerModel } from './modelFolder.js';

/** A model's description as text. */
export function exportMetadata({
  config,
  license,
  ...rest
}: GeneratorModel | TokenizerModel): Readonly<Record<string, string>> {
  const architecture = 'system' in rest ? rest.system.name : rest.kind.name;
  const labels = 'labels' in rest ? rest.labels : [];
  const sampling = 'sampling' in rest ? rest.sampling : undefined;
  return {
    architecture,
    config: JSON.stringify(config),
    ...(labels.length > 0 && { labels: JSON.stringify(labels) }),
    ...(license !== undefined && { license }),
    ...(sampling !== undefined && { sampling: JSON.stringify(sampling) }),
  };
}

/** The description that a weights file carries; its values are not checked against each other yet. */
export interface CarriedDescription {
  readonly architecture: string;
  readonly config: unknown;
  readonly labels?: unknown;
  readonly license?: string;
  readonly sampling?: SamplingDefaults;
}

/**
 * The description that an exported file carries; undefined for files of other programs.
 * @param source the file's name, for messages
 * @throws InputError naming the file when the description is damaged.
 */
export function readExportMetadata(
  metadata: Readonly<Record<string, string>>,
  source: string,
): CarriedDescription | undefined {
  const { architecture, config, labels, license, sampling } = metadata;
  if (architecture === undefined || config === undefined) return undefined;
  if (!findSystem(architecture) && !findTokenizer(architecture)) return undefined;
  const parse = (field: string, text: string): unknown => {
    try {
      return parseJson(text);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      throw new InputError(`${source}: the ${field} that it carries is damaged: ${error.message}`, error);
    }
  };
  return {
    architecture,
    config: parse('configuration', config),
    ...(labels !== undefined && { labels: parse('list of class names', labels) }),
    ...(license !== undefined && { license }),
    ...(sampling !== undefined && {
      sampling: parseSamplingDefaults(parse('sampling settings', sampling), source),
    }),
  };
}

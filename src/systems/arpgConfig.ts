import type { JSONSchemaType } from 'ajv';
import type { ArpgConfig } from '../../graphs/arpg.js';
import { swiGluHidden } from '../../graphs/transformer.js';
import { InputError } from '../errors.js';
import { validator } from '../jsonFile.js';

/** An ARPG configuration with the official field names. */
export interface OfficialArpgConfig {
  readonly dim: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly vocab_size: number;
  readonly num_classes: number;
  /** Tokens of an image. */
  readonly block_size: number;
  readonly multiple_of: number;
  readonly rope_base: number;
  readonly norm_eps: number;
  /** Not a published field: tokens also carry their position as such, which the published models do without. */
  readonly absolute_positions: boolean;
}

const positive = { type: 'integer', minimum: 1, maximum: 1 << 24 } as const;

/** Schema of the configuration in the official field names. */
export const arpgConfigSchema: JSONSchemaType<OfficialArpgConfig> = {
  type: 'object',
  required: ['dim', 'n_layer', 'n_head'],
  properties: {
    dim: { ...positive, maximum: 65536 },
    n_layer: { ...positive, maximum: 1024 },
    n_head: { ...positive, maximum: 1024 },
    vocab_size: { ...positive, default: 16384 },
    num_classes: { ...positive, default: 1000 },
    block_size: { ...positive, maximum: 65536, default: 256 },
    multiple_of: { ...positive, maximum: 65536, default: 256 },
    rope_base: { type: 'number', exclusiveMinimum: 0, default: 10000 },
    norm_eps: { type: 'number', exclusiveMinimum: 0, default: 1e-5 },
    absolute_positions: { type: 'boolean', default: false },
  },
};

const validate = validator(arpgConfigSchema);

/** Six times the largest published model; more could be neither trained nor held in memory by what this program runs on. */
const MAX_PARAMETERS = 2 ** 33;

/** About how many parameters a configuration asks for: embeddings, head, attention and feed-forward layers. */
function countParameters({
  dim,
  n_layer,
  vocab_size,
  num_classes,
  block_size,
  multiple_of,
}: OfficialArpgConfig) {
  const hidden = swiGluHidden(dim, multiple_of);
  return dim * (2 * vocab_size + num_classes + block_size + n_layer * (4 * dim + 3 * hidden));
}

const shared = {
  vocab_size: 16384,
  num_classes: 1000,
  block_size: 256,
  multiple_of: 256,
  rope_base: 10000,
  norm_eps: 1e-5,
  absolute_positions: false,
};

/** The published models (docs/SYSTEMS.md, ARPG). */
export const ARPG_PRESETS: Readonly<Record<string, OfficialArpgConfig>> = {
  'ARPG-L': { dim: 1024, n_layer: 24, n_head: 16, ...shared },
  'ARPG-XL': { dim: 1280, n_layer: 36, n_head: 20, ...shared },
  'ARPG-XXL': { dim: 1536, n_layer: 48, n_head: 24, ...shared },
};

/** The guidance scales of the published models' best results at 64 steps (docs/SYSTEMS.md, ARPG). */
export const PUBLISHED_GUIDANCE: Readonly<Record<string, number>> = {
  'ARPG-L': 5,
  'ARPG-XL': 6,
  'ARPG-XXL': 7.5,
};

/**
 * Checks a configuration in the official field names and fills in the published defaults.
 * @param source where it comes from, for messages
 * @throws InputError naming the source and the field.
 */
export function parseOfficialArpgConfig(value: unknown, source: string): OfficialArpgConfig {
  const config = validate(value, source);
  const fail = (reason: string): never => {
    throw new InputError(`${source}: ${reason}`);
  };
  if (config.n_layer % 2 !== 0)
    fail('n_layer must be even: half the layers decode content, half decode queries');
  if (config.dim % (4 * config.n_head) !== 0)
    fail(
      `dim ${config.dim} must be a multiple of 4·n_head = ${4 * config.n_head}, so that 2-D RoPE has whole pairs`,
    );
  const parameters = countParameters(config);
  if (parameters > MAX_PARAMETERS)
    fail(
      `its sizes (dim, n_layer, vocab_size, num_classes) ask for ${(parameters / 1e9).toFixed(1)} billion parameters, more than ${(MAX_PARAMETERS / 1e9).toFixed(1)}`,
    );
  if (!Number.isInteger(Math.sqrt(config.block_size)))
    fail(`block_size ${config.block_size} is not a square number`);
  return config;
}

/** The configuration as the graph takes it. */
export function arpgConfig(official: OfficialArpgConfig): ArpgConfig {
  const side = Math.sqrt(official.block_size);
  return {
    dim: official.dim,
    layers: official.n_layer,
    heads: official.n_head,
    vocabularySize: official.vocab_size,
    classes: official.num_classes,
    grid: { height: side, width: side },
    multipleOf: official.multiple_of,
    ropeBase: official.rope_base,
    normEpsilon: official.norm_eps,
    absolutePositions: official.absolute_positions,
  };
}

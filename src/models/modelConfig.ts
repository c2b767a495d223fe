import type { JSONSchemaType } from 'ajv';
import { InputError, quotable } from '../errors.js';
import { readJsonFile, validator } from '../jsonFile.js';
import { SYSTEMS } from '../systems/registry.js';
import { TOKENIZERS } from '../tokenizers/registry.js';

/** Name of the file in a model folder. */
export const CONFIG_FILE = 'config.json';

/** Version of the folder's layout. An older one is brought up to date when read, a newer one is refused. */
export const FORMAT_VERSION = 2;

/** Names that `architecture` may have: of a system for generators, of a kind of tokenizer for tokenizers. */
const ARCHITECTURES: readonly string[] = [...SYSTEMS, ...TOKENIZERS].map(({ name }) => name);

/** How a generator is best sampled. */
export interface SamplingDefaults {
  /** Classifier-free guidance scale. */
  readonly guidance?: number;
  readonly temperature?: number;
  readonly top_p?: number;
}

const samplingSchema: JSONSchemaType<SamplingDefaults> = {
  type: 'object',
  required: [],
  properties: {
    guidance: { type: 'number', minimum: 0, nullable: true },
    temperature: { type: 'number', minimum: 0, nullable: true },
    top_p: { type: 'number', minimum: 0, maximum: 1, nullable: true },
  },
  additionalProperties: false,
};

/**
 * Checks settings that suit a model.
 * @param source where they come from, for messages
 * @throws InputError naming the source and the field.
 */
export const parseSamplingDefaults = validator(samplingSchema);

/** What `config.json` holds. */
export interface ModelConfigFile {
  readonly format_version: number;
  readonly architecture: string;
  /** Licence of the weights, as an SPDX name or in words (since version 2). */
  readonly license?: string;
  /** Settings that suit the model, which sampling takes unless told otherwise (since version 2). */
  readonly sampling?: SamplingDefaults;
  /** In the official field names. */
  readonly config: Readonly<Record<string, unknown>>;
}

const fileSchema: JSONSchemaType<ModelConfigFile> = {
  type: 'object',
  required: ['format_version', 'architecture', 'config'],
  properties: {
    format_version: { type: 'integer', minimum: 1 },
    architecture: { type: 'string' },
    license: { type: 'string', nullable: true },
    sampling: { ...samplingSchema, nullable: true },
    config: { type: 'object', required: [], additionalProperties: true },
  },
  additionalProperties: false,
};
const validate = validator(fileSchema);

/** The part that every version has had: enough to tell which it is. */
const validateVersion = validator<Pick<ModelConfigFile, 'format_version'>>({
  type: 'object',
  required: ['format_version'],
  properties: { format_version: { type: 'integer', minimum: 1 } },
});

/** From each version to the next. */
const MIGRATIONS: Readonly<Record<number, (file: object) => object>> = {
  // Version 2 added the licence and sampling's defaults; where they are missing nobody said.
  1: (file) => ({ ...file, format_version: 2 }),
};

/**
 * Reads a `config.json` of any version up to this one.
 * @throws InputError naming the file and what is wrong with it.
 */
export function readModelConfig(path: string): ModelConfigFile {
  const value = readJsonFile(path);
  const { format_version: version } = validateVersion(value, path);
  if (version > FORMAT_VERSION)
    throw new InputError(
      `${path}: format version ${version} is newer than this program knows (${FORMAT_VERSION}); update arpg`,
    );
  let current = value as object;
  for (let from = version; from < FORMAT_VERSION; from++) current = MIGRATIONS[from]!(current);
  return validate(current, path);
}

/**
 * What `architecture` names among these.
 * @throws InputError naming the file when it is none of them.
 */
export function architectureOf<T extends { readonly name: string }>(
  { architecture }: ModelConfigFile,
  known: readonly T[],
  path: string,
): T {
  const found = known.find(({ name }) => name === architecture);
  if (found) return found;
  const names = known.map(({ name }) => `'${name}'`).join(' or ');
  throw new InputError(`${path}: architecture '${quotable(architecture)}' where ${names} is expected`);
}

/** The JSON schema of `config.json`, for other programs; `fixtures/config.schema.json` holds it. */
export const publishedConfigSchema: Readonly<Record<string, unknown>> = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'config.json of an arpg model folder',
  description: `Version ${FORMAT_VERSION}. A generator (${SYSTEMS.map(({ name }) => name).join(', ')}) or a tokenizer (${TOKENIZERS.map(({ name }) => name).join(', ')}); weights lie beside it in model.safetensors.`,
  type: 'object',
  required: ['format_version', 'architecture', 'config'],
  properties: {
    format_version: { const: FORMAT_VERSION },
    architecture: { enum: ARCHITECTURES },
    license: { type: 'string', description: 'licence of the weights, as an SPDX name or in words' },
    sampling: { ...samplingSchema, description: 'settings that suit the model' },
    config: { type: 'object', description: "sizes in the official implementation's field names" },
  },
  additionalProperties: false,
  oneOf: [
    ...SYSTEMS.map(({ name, config }) => ({
      properties: { architecture: { const: name }, config: config.schema },
    })),
    ...TOKENIZERS.map(({ name, schema }) => ({
      properties: { architecture: { const: name }, config: schema },
    })),
  ],
};

import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { validator } from '../jsonFile.js';
import type { System } from '../systems/system.js';
import type { TokenizerKind } from '../tokenizers/tokenizerKind.js';

type Check = (value: unknown, source: string) => object;

const checks = new Map<object, Check>();

/** Schemas are compiled when first used. */
function checkOf(schema: Readonly<Record<string, unknown>>): Check {
  const known = checks.get(schema);
  if (known) return known;
  const made = validator(schema as unknown as JSONSchemaType<object>);
  checks.set(schema, made);
  return made;
}

/**
 * Checks a configuration in the official field names and fills in the published defaults.
 * @param source where it comes from, for messages
 * @throws InputError naming the source and the field.
 */
export function parseSystemConfig<Config extends object>(
  system: System<Config>,
  value: unknown,
  source: string,
): Config {
  const config = checkOf(system.config.schema)(value, source) as Config;
  const fault = system.config.fault(config);
  if (fault !== undefined) throw new InputError(`${source}: ${fault}`);
  return config;
}

/** The same for a tokenizer. */
export function parseTokenizerConfig<Config extends object>(
  kind: TokenizerKind<Config>,
  value: unknown,
  source: string,
): Config {
  const config = checkOf(kind.schema)(value, source) as Config;
  const fault = kind.fault(config);
  if (fault !== undefined) throw new InputError(`${source}: ${fault}`);
  return config;
}

import { readFileSync } from 'node:fs';
import { Ajv, type JSONSchemaType } from 'ajv';
import { InputError, systemReason } from './errors.js';

const ajv = new Ajv({ allErrors: false, useDefaults: true, strict: true });

/** Large enough for any configuration, label list or order; stops a wrong file from filling the memory. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/**
 * Parses a small JSON file.
 * @throws InputError naming the file when it cannot be read or is not JSON.
 */
export function readJsonFile(path: string): unknown {
  let text: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_JSON_BYTES)
      throw new InputError(`${path}: too large for a JSON file of this kind`);
    text = bytes.toString('utf8');
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: not valid JSON: ${(error as Error).message}`, error);
  }
}

/**
 * A function that checks values against a schema and fills in defaults.
 * The function throws InputError, naming `source` and the field, when the value does not fit.
 */
export function validator<T>(schema: JSONSchemaType<T>): (value: unknown, source: string) => T {
  const check = ajv.compile(schema);
  return (value, source) => {
    const copy: unknown = structuredClone(value);
    if (check(copy)) return copy;
    const [problem] = check.errors ?? [];
    const field = problem?.instancePath.slice(1).replaceAll('/', '.');
    throw new InputError(
      `${source}: ${field ? `field '${field}' ` : ''}${problem?.message ?? 'is not valid'}`,
    );
  };
}

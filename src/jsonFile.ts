import { Ajv, type ErrorObject, type JSONSchemaType, type ValidateFunction } from 'ajv';
import { InputError, quotable } from './errors.js';
import { readSmallFile } from './files/fileRange.js';
import { JsonError, parseJson } from './files/jsonText.js';
import { decodeText } from './files/text.js';

/** The schemas are the program's own, which its tests check: compiling the schema of schemas costs a tenth of a second. */
const ajv = new Ajv({
  allErrors: false,
  useDefaults: true,
  strict: true,
  meta: false,
  validateSchema: false,
});

/** Large enough for any configuration, label list or order; stops a wrong file from filling the memory. */
const MAX_JSON_BYTES = 32 * 2 ** 20;

/**
 * Parses a small JSON file, or what a pipe gives.
 * @throws InputError naming the file when it cannot be read, is too large or is not JSON.
 */
export function readJsonFile(path: string): unknown {
  const bytes = readSmallFile(path, MAX_JSON_BYTES, 'a JSON file of this kind');
  try {
    return parseJson(decodeText(bytes));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new InputError(`${path}: ${error.message}`, error);
  }
}

/** What is wrong with a value, and what it may be where that is a list. */
function reasonOf(problem: ErrorObject | undefined): string {
  const { message = 'is not valid', params = {} } = problem ?? {};
  const { additionalProperty, allowedValues } = params as {
    readonly additionalProperty?: string;
    readonly allowedValues?: readonly unknown[];
  };
  if (additionalProperty !== undefined) return `${message}: '${quotable(additionalProperty)}' is unknown`;
  return allowedValues === undefined ? message : `${message}: ${allowedValues.join(', ')}`;
}

/**
 * A function that checks values against a schema and fills in defaults.
 * The function throws InputError, naming `source` and the field, when the value does not fit.
 */
export function validator<T>(schema: JSONSchemaType<T>): (value: unknown, source: string) => T {
  // Compiled when first used: it takes longer than all else that happens at the start.
  let compiled: ValidateFunction<T> | undefined;
  return (value, source) => {
    compiled ??= ajv.compile(schema);
    const check = compiled;
    const copy: unknown = structuredClone(value);
    if (check(copy)) return copy;
    const [problem] = check.errors ?? [];
    const field = quotable(problem?.instancePath.slice(1).replaceAll('/', '.') ?? '');
    throw new InputError(`${source}: ${field ? `field '${field}' ` : ''}${reasonOf(problem)}`);
  };
}

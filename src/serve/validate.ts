import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { quotable } from '../errors.js';
import { ApiError } from './apiError.js';
import type { ObjectSchema } from './schemas.js';

const OPTIONS = { strict: true, allowUnionTypes: true, meta: false, validateSchema: false } as const;
/** Values of JSON have their types; fields of forms are texts that may stand for numbers. */
const ajv = { json: new Ajv(OPTIONS), form: new Ajv({ ...OPTIONS, coerceTypes: true }) };

/** A function that checks a request. @throws ApiError 400 naming the parameter at fault. */
export function requestCheck<T>(schema: ObjectSchema, kind: keyof typeof ajv): (value: unknown) => T {
  // Compiled when first used: the server starts sooner.
  let compiled: ValidateFunction<T> | undefined;
  return (value) => {
    compiled ??= ajv[kind].compile<T>(schema);
    const check: ValidateFunction<T> = compiled;
    if (check(value)) return value;
    throw asError(check.errors![0]!);
  };
}

function asError({ keyword, instancePath, params, message }: ErrorObject): ApiError {
  const unknown = keyword === 'additionalProperties' ? String(params.additionalProperty) : undefined;
  const missing = keyword === 'required' ? String(params.missingProperty) : undefined;
  const param = quotable(unknown ?? missing ?? instancePath.slice(1).replaceAll('/', '.'));
  const details = { ...(param !== '' && { param }) };
  if (unknown !== undefined)
    return new ApiError(400, `unknown parameter: '${param}'`, { ...details, code: 'unknown_parameter' });
  if (missing !== undefined)
    return new ApiError(400, `the parameter '${param}' is missing`, {
      ...details,
      code: 'missing_parameter',
    });
  const values =
    keyword === 'enum' ? `: ${(params.allowedValues as unknown[]).filter(Boolean).join(', ')}` : '';
  const what = param === '' ? 'the request' : `'${param}'`;
  return new ApiError(400, `${what} ${message ?? 'is not valid'}${values}`, details);
}

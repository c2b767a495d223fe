import { drawSeed, findClasses, type Grid, pictureGrid, readOrder, type SamplingSettings } from '../index.js';
import { UsageError } from '../errors.js';
import { ApiError } from './apiError.js';
import type { Limits } from './limits.js';
import type { ModelFacts } from './modelPool.js';
import type { SettingFields } from './schemas.js';

/** Leaves out what is null or not there. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  ) as { [K in keyof T]?: NonNullable<T[K]> };
}

/** The settings of a request, with a seed. @param positions tokens of the grid */
export function settingsOf(
  fields: SettingFields,
  positions: number,
): SamplingSettings & { readonly seed: number } {
  const { seed, steps, schedule, guidance, temperature, own } = fields;
  const order = fields.order ?? undefined;
  return {
    ...given({ steps, schedule, guidance, temperature, own }),
    ...given({ guidanceSchedule: fields.guidance_schedule, topK: fields.top_k, topP: fields.top_p }),
    ...(order !== undefined && { order: readOrder(order, positions) }),
    seed: seed ?? drawSeed(),
  };
}

/** @throws ApiError 400 with the nearest names when a model has no such class. */
export function requireClass(
  wanted: string | number,
  { classes, labels, aliases, id }: ModelFacts,
  param: string,
): void {
  try {
    findClasses(wanted, classes, labels, undefined, aliases);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const where = `GET /v1/models/${id}/classes lists all`;
    throw new ApiError(400, `${error.message}; ${where}`, { param, code: 'class_not_found' });
  }
}

/** A size as it is asked for, in pixels; undefined for the trained one. */
export interface AskedSize {
  readonly size?: { readonly width: number; readonly height: number };
  readonly grid: Grid;
}

/** @throws ApiError 400 for a size that the model or the server does not draw. */
export function sizeOf(text: string | null | undefined, facts: ModelFacts, limits: Limits): AskedSize {
  const trained = { width: facts.width, height: facts.height };
  const [width, height] = (text ?? 'auto').split('x').map(Number);
  const size = height === undefined ? trained : { width: width!, height };
  const isTrained = size.width === trained.width && size.height === trained.height;
  const fault = (message: string) => new ApiError(400, message, { param: 'size' });
  if (!isTrained && !facts.sizes)
    throw fault(`${facts.id} draws ${trained.width}x${trained.height} only; leave size out, or use auto`);
  const tokens = (size.width * size.height) / facts.tokenPixels ** 2;
  if (tokens > limits.tokens || size.width * size.height > limits.pixels)
    throw fault(
      `size ${size.width}x${size.height} is more than this server draws at once; ${facts.id} was trained for ${trained.width}x${trained.height}, which auto means`,
    );
  try {
    return { grid: pictureGrid(size, facts.tokenPixels), ...(!isTrained && { size }) };
  } catch (error) {
    throw error instanceof UsageError ? fault(error.message) : error;
  }
}

import { UsageError } from '../errors.js';

/** The most pixels along a side of a picture. */
const MAX_SIDE = 65_535;

/** Where a number may lie: from `min` to `max`, or to just below `below`, or just above `above`. */
export type NumberRange =
  | { readonly min: number; readonly max?: number; readonly below?: number; readonly above?: undefined }
  | { readonly above: number };

/**
 * A flag's value as a number.
 * @throws UsageError when it is none, or out of range.
 */
export function parseNumber(text: string, flag: string, range: NumberRange): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && liesIn(value, range)) return value;
  throw new UsageError(`${flag} ${text} is not a number ${describeRange(range)}`);
}

function liesIn(value: number, range: NumberRange): boolean {
  if (range.above !== undefined) return value > range.above;
  const { min, max = Number.MAX_VALUE, below = Number.POSITIVE_INFINITY } = range;
  return value >= min && value <= max && value < below;
}

function describeRange(range: NumberRange): string {
  if (range.above !== undefined) return `above ${range.above}`;
  const { min, max, below } = range;
  if (max !== undefined) return `from ${min} to ${max}`;
  return below !== undefined ? `from ${min} to below ${below}` : `≥ ${min}`;
}

/**
 * A flag's value `WxH` in pixels.
 * @throws UsageError when it has another form, or is larger than any picture.
 */
export function parsePixelSize(
  text: string,
  flag: string,
): { readonly width: number; readonly height: number } {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (width === undefined || height === undefined)
    throw new UsageError(`${flag} ${text} is not of the form WxH, such as 512x256`);
  const size = { width: Number(width), height: Number(height) };
  if (size.width > MAX_SIDE || size.height > MAX_SIDE)
    throw new UsageError(`${flag} ${text}: at most ${MAX_SIDE} pixels a side are allowed`);
  return size;
}

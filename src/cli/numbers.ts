import { UsageError } from '../errors.js';

/** The most pixels along a side of a picture. */
const MAX_SIDE = 65_535;

/** Where a number may lie; from `min` to `max`, or to just below `below`. */
export interface NumberRange {
  readonly min: number;
  readonly max?: number;
  readonly below?: number;
}

/**
 * A flag's value as a number.
 * @throws UsageError when it is none, or out of range.
 */
export function parseNumber(text: string, flag: string, { min, max, below }: NumberRange): number {
  const value = Number(text);
  const fits =
    value >= min && value <= (max ?? Number.MAX_VALUE) && value < (below ?? Number.POSITIVE_INFINITY);
  if (text.trim() !== '' && Number.isFinite(value) && fits) return value;
  const range =
    max !== undefined
      ? `from ${min} to ${max}`
      : below !== undefined
        ? `from ${min} to below ${below}`
        : `≥ ${min}`;
  throw new UsageError(`${flag} ${text} is not a number ${range}`);
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

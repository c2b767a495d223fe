import { isSeed } from '../random/draws.js';

/** What is wrong with a seed, which callers of JavaScript may have given as anything; undefined where nothing is. */
export function faultOfSeed(seed: unknown): string | undefined {
  return typeof seed === 'number' && isSeed(seed)
    ? undefined
    : `seed ${String(seed)} is not a whole number from 0 to 2^53 − 1`;
}

/**
 * What is wrong with a setting that is a number of a range; undefined where nothing is.
 * @param what its name, for the message
 */
export function faultOfNumber(
  value: unknown,
  what: string,
  min: number,
  max = Number.POSITIVE_INFINITY,
): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return undefined;
  return `${what} ${String(value)} is not a number ${max === Number.POSITIVE_INFINITY ? `≥ ${min}` : `from ${min} to ${max}`}`;
}

/** What is wrong with a setting that is a whole number of a range; undefined where nothing is. */
export function faultOfWhole(
  value: unknown,
  what: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): string | undefined {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return undefined;
  return `${what} ${String(value)} is not a whole number ${max === Number.MAX_SAFE_INTEGER ? `≥ ${min}` : `from ${min} to ${max}`}`;
}

/** What is wrong with a setting that is a share below 1; undefined where nothing is. */
export function faultOfShare(value: unknown, what: string): string | undefined {
  const isShare = typeof value === 'number' && value >= 0 && value < 1;
  return isShare ? undefined : `${what} ${String(value)} is not a number from 0 to below 1`;
}

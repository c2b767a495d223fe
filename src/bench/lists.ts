import { UsageError } from '../errors.js';

/** The values of a list with commas, each once. @throws UsageError naming the flag where one is empty. */
export function parseList(flag: string, text: string): readonly string[] {
  const values = text.split(',').map((value) => value.trim());
  if (values.includes(''))
    throw new UsageError(`--${flag} '${text}' is not a list like a,b: a value is empty`);
  return [...new Set(values)];
}

/** As `parseList`, of values that there are. @throws UsageError listing them. */
export function parseChoices<T extends string>(
  flag: string,
  text: string,
  known: readonly T[],
): readonly T[] {
  return parseList(flag, text).map((value) => {
    const found = known.find((own) => own === value);
    if (found === undefined)
      throw new UsageError(`--${flag} '${value}' is unknown; there are ${known.join(', ')}`);
    return found;
  });
}

/** Guards against slips of the finger; no batch of this size was ever drawn on one machine. */
const MOST = 65536;

/** A whole number from 1. @throws UsageError naming the flag. */
function parseCount(flag: string, value: string): number {
  const count = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!(count >= 1 && count <= MOST))
    throw new UsageError(`--${flag} '${value}' is not a whole number from 1 to ${MOST}`);
  return count;
}

/** Whole numbers from 1. @throws UsageError naming the flag and the value. */
export function parseCounts(flag: string, text: string): readonly number[] {
  return [...new Set(parseList(flag, text).map((value) => parseCount(flag, value)))];
}

/** Numbers of steps; undefined stands for the system's own number, `default`. @throws UsageError naming the value. */
export function parseSteps(flag: string, text: string): readonly (number | undefined)[] {
  const values = parseList(flag, text).map((value) =>
    value === 'default' ? undefined : parseCount(flag, value),
  );
  return [...new Set(values)];
}

const UNITS = { M: 1e6, B: 1e9 } as const;

/** A size of networks: the name of one that a CPU trains, or a number of parameters. */
export type NetworkSize = 'small' | 'medium' | { readonly parameters: number };

/** `small`, `medium`, or parameters as in `300M` and `1.3B`. @throws UsageError naming the size. */
export function parseSize(value: string): NetworkSize {
  if (value === 'small' || value === 'medium') return value;
  const [, number, unit] = /^(\d+(?:\.\d+)?)([MB])$/.exec(value) ?? [];
  const parameters = Number(number) * UNITS[unit as keyof typeof UNITS];
  if (!(parameters > 0))
    throw new UsageError(
      `--sizes '${value}' is unknown; use small, medium, or a number of parameters such as 300M or 1.3B`,
    );
  return { parameters };
}

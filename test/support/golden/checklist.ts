import { InputError } from '../../../src/errors.js';
import { countElements } from '../../../src/graph/dimension.js';
import type { HostTensor } from '../../../src/targets/target.js';
import type { StoredTensor } from '../../../src/graph/weights.js';
import { readDoubles, readNumbers, type GoldenSet } from './goldenSet.js';
import { type Quantity, type Tolerance, TOLERANCES } from './tolerances.js';

/** What the comparison of weights that come in two files is called. */
export const TWIN_WEIGHTS = 'weights';

/** A key that is to be checked. */
export interface AskedKey {
  readonly key: string;
  /** What the pattern captured of it. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** The outcome of a group of keys. */
export interface GroupResult {
  readonly group: string;
  /** The largest error of its keys, relative to the largest magnitude; infinite where they cannot be compared. */
  readonly error: number;
  readonly limit: number;
  /** The key with that error. */
  readonly worst: string;
  readonly fault?: string;
}

/** What is known of a set after its replay. */
export interface Outcome {
  readonly groups: readonly GroupResult[];
  /** Keys that were asked for and neither compared nor fed. */
  readonly unchecked: readonly string[];
  /** How many were. */
  readonly checked: number;
}

/** The numbers of one configuration; its keys are given without their prefix. */
export interface Checklist {
  /** Whether the set holds the key. */
  has(key: string): boolean;
  /** The keys that a pattern matches and that are to be checked, with the pattern's first group. */
  asked(pattern: RegExp): readonly AskedKey[];
  /** Whether such a key, or name of what the json tells, is to be checked. */
  asks(key: string): boolean;
  /** Numbers that are fed, which counts as checking them. @throws InputError when there are none. */
  feed(key: string): HostTensor;
  /**
   * Compares ours with the numbers of a key.
   * @param options `part`: ours are the first rows only, and of these the last entries of the second axis. The key counts
   * as checked only where that is all.
   */
  compare(
    quantity: Quantity,
    group: string,
    key: string,
    actual: HostTensor,
    options?: { readonly part?: boolean },
  ): void;
  /** Numbers of double precision that are fed. @throws InputError when there are none. */
  feedDoubles(key: string): Float64Array;
  /**
   * Compares ours with the numbers of a key in double precision.
   * @param scale what differences are measured against (default: the largest magnitude)
   */
  compareDoubles(
    quantity: Quantity,
    group: string,
    key: string,
    actual: ArrayLike<number>,
    scale?: number,
  ): void;
  /** Compares ours with numbers that are no key of the set. */
  compareWith(quantity: Quantity, group: string, key: string, actual: HostTensor, expected: HostTensor): void;
}

/** How far two tensors are apart, and how large the expected one is. */
interface Distance {
  /** The largest difference and magnitude. */
  readonly difference: number;
  readonly magnitude: number;
  /** Those of all elements together, as a ratio. */
  readonly mean: number;
  readonly fault?: string;
}

interface Comparison extends Distance {
  readonly key: string;
}

const listed = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function largestMagnitude({ data }: HostTensor): number {
  let magnitude = 0;
  for (const value of data) if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
  return magnitude;
}

/** Scalars may come with or without an axis. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const isScalar = (shape: readonly number[]) => shape.length <= 1 && countElements(shape) === 1;
  return a.join() === b.join() || (isScalar(a) && isScalar(b));
}

/** Whether a shape has fewer rows than another, or fewer entries of the second axis, and is the same else. */
function isPart(shape: readonly number[], whole: readonly number[]): boolean {
  const fits = (size: number, axis: number) => size === whole[axis] || (axis < 2 && size < whole[axis]!);
  return shape.length === whole.length && shape.every(fits) && !sameShape(shape, whole);
}

/** The distance of two tensors; infinities and not-a-number must match. @param magnitude the largest that is expected */
function distanceOf(actual: HostTensor, expected: HostTensor, magnitude: number): Distance {
  const apart = (fault: string): Distance => ({ difference: Infinity, mean: Infinity, magnitude, fault });
  if (!sameShape(actual.shape, expected.shape))
    return apart(`its shape is ${listed(actual.shape)}, not ${listed(expected.shape)}`);
  let [difference, differences, magnitudes] = [0, 0, 0];
  for (const [index, wanted] of expected.data.entries()) {
    const got = actual.data[index]!;
    if (Object.is(got, wanted)) {
      magnitudes += Number.isFinite(wanted) ? Math.abs(wanted) : 0;
      continue;
    }
    if (!Number.isFinite(got - wanted)) return apart(`element ${index} is ${got}, not ${wanted}`);
    difference = Math.max(difference, Math.abs(got - wanted));
    differences += Math.abs(got - wanted);
    magnitudes += Math.abs(wanted);
  }
  return { difference, magnitude, mean: differences === 0 ? 0 : differences / magnitudes };
}

/** The distance of numbers of double precision. */
function doublesApart(
  actual: ArrayLike<number>,
  expected: Float64Array,
  scale = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
): Distance {
  const apart = (fault: string): Distance => ({
    difference: Infinity,
    mean: Infinity,
    magnitude: scale,
    fault,
  });
  if (actual.length !== expected.length)
    return apart(`there are ${actual.length} numbers, not ${expected.length}`);
  let difference = 0;
  for (const [index, wanted] of expected.entries()) {
    const got = actual[index]!;
    if (!Number.isFinite(got) || !Number.isFinite(wanted))
      return apart(`element ${index} is ${got}, not ${wanted}`);
    difference = Math.max(difference, Math.abs(got - wanted));
  }
  return { difference, magnitude: scale, mean: difference };
}

/** The first rows, and of these the last entries of the second axis, as many as a shape says. */
function cutTo(tensor: HostTensor, [rows, entries]: readonly number[]): HostTensor {
  const [, all, ...rest] = tensor.shape as [number, number, ...number[]];
  const width = countElements(rest);
  const indices = Array.from({ length: rows! * entries! * width }, (_, index) => {
    const [row, within] = [Math.floor(index / (entries! * width)), index % (entries! * width)];
    return (row * all + all - entries!) * width + within;
  });
  const data = Float32Array.from(indices, (index) => tensor.data[index]!);
  return { dtype: 'f32', shape: [rows!, entries!, ...rest], data };
}

/** The worst of some comparisons. */
function worstOf(
  group: string,
  limit: number,
  all: readonly Comparison[],
  errorOf: (comparison: Comparison) => number,
): GroupResult {
  // An error that is no number is larger than any.
  const errors = all.map(errorOf).map((error) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error));
  const error = Math.max(...errors);
  const { key, fault } = all[errors.indexOf(error)]!;
  return { group, error, limit, worst: key, ...(fault !== undefined && { fault }) };
}

/** The largest error of a group, and the largest mean error where that counts. */
function resultsOf(
  group: string,
  { limit, mean, floor = 0 }: Tolerance,
  all: readonly Comparison[],
): readonly GroupResult[] {
  const smallest = floor * Math.max(...all.map(({ magnitude }) => magnitude));
  const largest = ({ difference, magnitude }: Comparison) =>
    difference === 0 ? 0 : difference / Math.max(magnitude, smallest);
  return [
    worstOf(group, limit, all, largest),
    ...(mean === undefined ? [] : [worstOf(`${group} (mean)`, mean, all, (comparison) => comparison.mean)]),
  ];
}

/**
 * Which keys a pattern selects: those that contain it; with `*`, which stands for anything, those that it describes
 * wholly or up to a dot.
 */
function selector(only: string | undefined): (key: string) => boolean {
  if (only === undefined) return () => true;
  if (!only.includes('*')) return (key) => key.includes(only);
  const escaped = only.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*');
  const glob = new RegExp(`^${escaped}(\\.|$)`);
  return (key) => glob.test(key);
}

/** Whether a pattern selects any number of a set, or its weights where they come twice. */
export function holdsSelected({ numbers, twin }: GoldenSet, only?: string): boolean {
  return [...numbers.keys(), ...(twin ? [TWIN_WEIGHTS] : [])].some(selector(only));
}

/** Keeps track of what is checked of a set. */
export interface Checklists {
  /** The keys that start with a prefix. */
  under(prefix: string): Checklist;
  outcome(): Outcome;
}

/**
 * Starts a list of what is checked of a set.
 * @param only checks the keys that match it alone: a part of their names, or with `*` the whole
 */
export function createChecklists({ source, numbers }: GoldenSet, only?: string): Checklists {
  const selects = selector(only);
  const keys = [...numbers.keys()].filter(selects);
  const checked = new Set<string>();
  const groups = new Map<string, { readonly tolerance: Tolerance; readonly comparisons: Comparison[] }>();
  const add = (quantity: Quantity, group: string, comparison: Comparison): void => {
    const comparisons = groups.get(group)?.comparisons ?? [];
    comparisons.push(comparison);
    groups.set(group, { tolerance: TOLERANCES[quantity], comparisons });
  };
  const stored = (key: string): StoredTensor => {
    const found = numbers.get(key);
    if (!found) throw new InputError(`${source}: the numbers beside it lack '${key}'`);
    return found;
  };
  const read = (key: string): HostTensor => readNumbers(stored(key), key);
  const under = (prefix: string): Checklist => ({
    has: (key) => numbers.has(prefix + key),
    asked: (pattern) =>
      keys.flatMap((full): readonly AskedKey[] => {
        const key = full.startsWith(prefix) ? full.slice(prefix.length) : undefined;
        const match = key === undefined ? null : pattern.exec(key);
        return match ? [{ key: key!, name: match[1] ?? '', shape: numbers.get(full)!.shape }] : [];
      }),
    asks: (key) => selects(prefix + key),
    feed: (key) => {
      checked.add(prefix + key);
      return read(prefix + key);
    },
    compare: (quantity, group, key, actual, { part = false } = {}) => {
      const full = prefix + key;
      if (!selects(full)) return;
      const expected = read(full);
      const isSmaller = part && isPart(actual.shape, expected.shape);
      const compared = isSmaller ? cutTo(expected, actual.shape) : expected;
      if (!isSmaller) checked.add(full);
      add(quantity, prefix + group, {
        key: full,
        ...distanceOf(actual, compared, largestMagnitude(expected)),
      });
    },
    feedDoubles: (key) => {
      checked.add(prefix + key);
      return readDoubles(stored(prefix + key));
    },
    compareDoubles: (quantity, group, key, actual, scale) => {
      const full = prefix + key;
      if (!selects(full)) return;
      checked.add(full);
      const expected = readDoubles(stored(full));
      add(quantity, prefix + group, { key: full, ...doublesApart(actual, expected, scale) });
    },
    compareWith: (quantity, group, key, actual, expected) => {
      const distance = distanceOf(actual, expected, largestMagnitude(expected));
      add(quantity, prefix + group, { key: prefix + key, ...distance });
    },
  });
  return {
    under,
    outcome: () => ({
      groups: [...groups].flatMap(([group, { tolerance, comparisons }]) =>
        resultsOf(group, tolerance, comparisons),
      ),
      unchecked: keys.filter((key) => !checked.has(key)),
      checked: keys.filter((key) => checked.has(key)).length,
    }),
  };
}

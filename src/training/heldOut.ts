import { dataOrder } from './dataOrder.js';

/** Which examples are trained on, and which are not, each in the order that was drawn. */
export interface Split {
  readonly training: readonly number[];
  readonly heldOut: readonly number[];
}

/** What is known of the examples that are split, `[examples]` each. */
export interface SplitKinds {
  /** Training keeps a picture of every class that it has; all examples are of one class when left out. */
  readonly classIds?: ArrayLike<number> | undefined;
  /** Examples of one picture share a number and stay together; each is of its own when left out. */
  readonly pictures?: ArrayLike<number> | undefined;
}

/**
 * Splits examples into those to train on and those that training does not see: the held-out ones are the first of an
 * order drawn from the seed, whole pictures at a time. A picture that does not fit into the share, or that is the last
 * one of a class, is trained on.
 * @param share of the examples that training does not see at most, 0 to below 1
 */
export function splitExamples(
  count: number,
  share: number,
  seed: number,
  { classIds, pictures }: SplitKinds = {},
): Split {
  const shuffled = dataOrder(count, count, seed ^ 0x5eed).batch(1);
  const pictureOf = (example: number) => pictures?.[example] ?? example;
  const classOf = (example: number) => classIds?.[example] ?? 0;
  const examplesOf = groupBy(shuffled, pictureOf);
  const classesOf = (picture: number) => new Set(examplesOf.get(picture)!.map(classOf));
  const picturesLeft = new Map<number, number>();
  for (const picture of examplesOf.keys())
    for (const classId of classesOf(picture)) picturesLeft.set(classId, (picturesLeft.get(classId) ?? 0) + 1);
  const limit = Math.floor(count * share);
  const heldOut: number[] = [];
  for (const [picture, examples] of examplesOf) {
    if (heldOut.length === limit) break;
    const classes = [...classesOf(picture)];
    if (heldOut.length + examples.length > limit) continue;
    if (classes.some((classId) => picturesLeft.get(classId) === 1)) continue;
    for (const classId of classes) picturesLeft.set(classId, picturesLeft.get(classId)! - 1);
    heldOut.push(...examples);
  }
  const isHeldOut = new Set(heldOut);
  return { training: shuffled.filter((example) => !isHeldOut.has(example)), heldOut };
}

/** Values by their key, both in the order in which they come first. */
function groupBy(
  values: readonly number[],
  keyOf: (value: number) => number,
): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

/** Validation looks at so many batches at most. */
const VALIDATION_BATCHES = 8;

/**
 * The batches to validate on: whole ones, or a single smaller one where the held-out examples do not fill one.
 * @returns none when nothing is held out
 */
export function heldOutBatches(
  heldOut: readonly number[],
  batchSize: number,
): readonly (readonly number[])[] {
  const size = Math.min(batchSize, heldOut.length);
  const batches = size === 0 ? 0 : Math.min(VALIDATION_BATCHES, Math.floor(heldOut.length / size));
  return Array.from({ length: batches }, (_, index) => heldOut.slice(index * size, (index + 1) * size));
}

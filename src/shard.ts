/** Which part of a list, from 1, of how many. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** All of a list. */
export const WHOLE: Shard = { index: 1, count: 1 };

/** The part that a text such as `2/8` names; undefined where it names none. */
export function shardOf(text: string): Shard | undefined {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  return index && count && index <= count ? { index, count } : undefined;
}

/** The places of a part of so many things, from the first to before the end: parts differ by one at most. */
export function shardRange(
  total: number,
  { index, count }: Shard,
): { readonly start: number; readonly end: number } {
  const border = (part: number) => Math.floor((part * total) / count);
  return { start: border(index - 1), end: border(index) };
}

import { Flags } from '@oclif/core';
import { type Shard, shardOf, UsageError } from '../index.js';
import { GROUPS } from './flagGroups.js';

/** The flag of commands that do a part of their work, the others being done elsewhere. */
export function shardFlag(
  description: string,
  more: { readonly dependsOn?: string[]; readonly exclusive?: string[] } = {},
) {
  return Flags.string({ helpGroup: GROUPS.machine, description, helpValue: 'I/N', ...more });
}

/** Says which part is done. @param things what they are, in the plural */
export function partLine({ index, count }: Shard, own: number, all: number, things: string): string {
  return `part ${index} of ${count}: ${own} of ${all} ${things}`;
}

/** The part that `--shard` names, from 1; undefined without the flag. @throws UsageError when it names none. */
export function parseShard(text: string | undefined): Shard | undefined {
  if (text === undefined) return undefined;
  const shard = shardOf(text);
  if (!shard) throw new UsageError(`--shard ${text} is no part: 2/8 is the second of eight`);
  return shard;
}

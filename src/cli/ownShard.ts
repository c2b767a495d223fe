import { parse } from 'node:path';
import { ownPart, type Part } from '../cluster/ownPart.js';
import { UsageError } from '../index.js';
import { namesFolder } from './baseCommand.js';
import { parseShard } from './shardFlag.js';
import { STREAM } from './streams.js';

/** The flags of a command that can do a part of its work. */
interface PartFlags {
  readonly shard?: string | undefined;
  readonly output?: string | undefined;
}

/** The file of one part of what goes to a file: `tokens.jsonl` → `tokens-2-of-4.jsonl`. */
export function partFile(path: string, { index, count }: Pick<Part, 'index' | 'count'>): string {
  const { dir, name, ext } = parse(path);
  return `${dir === '' ? '' : `${dir}/`}${name}-${index}-of-${count}${ext}`;
}

/** @throws UsageError where processes that were started together are each told another part than their own. */
function requireOwnShard(text: string, { index, count, said }: Part): void {
  const shard = parseShard(text)!;
  if (shard.index !== index || shard.count !== count)
    throw new UsageError(
      `--shard ${text}: by ${said} this process has part ${index}/${count}; leave the flag out`,
    );
}

/**
 * The flags with the part that is this process' own where a launcher, a job array or an indexed job has several of them:
 * what would go to one file goes to one of the part's own. A part that is named stays as it is.
 * @param isSuited whether the tasks of a job array, which may as well have work of their own, share this work
 * @param note hears which part it is, and who says so
 * @throws UsageError where processes that share a terminal would all write there, or are told other parts than their own.
 */
export function withOwnPart<F extends PartFlags>(
  flags: F,
  isSuited: boolean,
  note: (line: string) => void,
): F {
  const part = ownPart(process.env);
  if (!part || (!part.isTogether && !isSuited)) return flags;
  const { index, count, said, isTogether } = part;
  if (flags.shard !== undefined) {
    if (isTogether) requireOwnShard(flags.shard, part);
    return flags;
  }
  const { output } = flags;
  const isStdout = output === undefined || output === STREAM;
  if (isStdout && isTogether)
    throw new UsageError(
      `${count} processes would write to one stdout: name a folder or a file with -o, or start one process`,
    );
  const file = isStdout || namesFolder(output) ? undefined : partFile(output, part);
  note(`part ${index} of ${count}, by ${said}${file === undefined ? '' : `: writes ${file}`}`);
  return { ...flags, shard: `${index}/${count}`, ...(file !== undefined && { output: file }) };
}

import { InputError } from '../errors.js';
import { mergeStatistics, type SetStatistics } from './setStatistics.js';
import { type PartStatistics, readPart } from './statisticsFile.js';

/**
 * The statistics of a whole set from files of its parts, whichever order they are named in.
 * @throws InputError naming a file of another set, of another network, that is there twice, or the parts that are missing.
 */
export function mergeParts(paths: readonly string[]): SetStatistics {
  const parts = paths.map((path): PartStatistics & { readonly path: string } => ({
    path,
    ...readPart(path),
  }));
  const [first] = parts as [(typeof parts)[0]];
  const { count } = first.shard;
  for (const part of parts) {
    const { path, shard, set, total, statistics } = part;
    if (statistics.digest !== first.statistics.digest)
      throw new InputError(`${path}: its features are of another network than those of ${first.path}`);
    if (shard.count !== count || total !== first.total)
      throw new InputError(
        `${path}: part ${shard.index} of ${shard.count}, of ${total} pictures, where ${first.path} is one of ${count}, of ${first.total}`,
      );
    if (set !== first.set)
      throw new InputError(`${path}: of other pictures than ${first.path}, though of as many`);
  }
  for (const part of parts) {
    const { path, shard } = part;
    const twin = parts.find((other) => other !== part && other.shard.index === shard.index);
    if (twin)
      throw new InputError(
        twin.path === path
          ? `${path}: named twice; name the file of each part once`
          : `${path}: the same part as ${twin.path}`,
      );
  }
  const sorted = [...parts].sort((a, b) => a.shard.index - b.shard.index);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter(
    (index) => !sorted.some(({ shard }) => shard.index === index),
  );
  if (missing.length > 0)
    throw new InputError(
      `${first.path}: of its ${count} parts, ${missing.join(', ')} are missing; name their files, too`,
    );
  const merged = sorted.map(({ statistics }) => statistics).reduce(mergeStatistics);
  if (merged.rows.count !== first.total)
    throw new InputError(`${first.path}: its parts have ${merged.rows.count} of ${first.total} pictures`);
  return merged;
}

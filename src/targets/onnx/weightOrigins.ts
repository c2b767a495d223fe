import { statSync } from 'node:fs';
import type { StoredTensor } from '../../graph/weights.js';

/** What a file's elements depend on: where it lies, and that nobody wrote to it since. */
function fileState(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [path, dev, ino, size, mtimeNs, ctimeNs].join();
}

/** All that a tensor's elements come from; undefined where some are in memory alone. */
function originOf({ dtype, shape, file, derived }: StoredTensor, stateOf: (path: string) => string): unknown {
  if (file) return [dtype, shape, file.offset, stateOf(file.path)];
  if (!derived) return undefined;
  const origins = derived.from.map((tensor) => originOf(tensor, stateOf));
  return origins.includes(undefined) ? undefined : [dtype, shape, derived.how, origins];
}

/**
 * Where tensors' elements come from, by name: files as they are now, and how they are computed from those. As long as that
 * is the same, so are the elements.
 * @returns undefined where some elements are in memory alone
 * @throws where a file is no more.
 */
export function originsOf(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
): readonly unknown[] | undefined {
  const states = new Map<string, string>();
  const stateOf = (path: string): string => {
    const state = states.get(path) ?? fileState(path);
    states.set(path, state);
    return state;
  };
  const origins: unknown[] = [];
  for (const [name, tensor] of tensors) {
    const origin = originOf(tensor, stateOf);
    if (origin === undefined) return undefined;
    origins.push([name, origin]);
  }
  return origins;
}

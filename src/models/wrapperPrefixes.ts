import type { TensorDictionary } from '../checkpoints/checkpoint.js';

/** Parts that wrappers put into names, wherever the wrapped module is: of torch.compile, FSDP and checkpointing. */
const WRAPPERS: ReadonlySet<string> = new Set([
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
]);

/** Prefixes lie in each other: Lightning's `model.` around DistributedDataParallel's `module.`, for example. */
const MAX_SHARED_PREFIXES = 6;

function withoutWrappers(name: string): string {
  return name
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
}

/** The dictionary under other names; undefined where two would become one. */
export function renamed(
  dictionary: TensorDictionary,
  rename: (name: string) => string,
): TensorDictionary | undefined {
  const originals = new Map([...dictionary.names].map((name) => [rename(name), name]));
  if (originals.size < dictionary.names.size) return undefined;
  return {
    names: new Set(originals.keys()),
    tensor: (name) => dictionary.tensor(originals.get(name) ?? name),
  };
}

/** The first part of all names, if they share it and have more. */
function sharedPrefix({ names }: TensorDictionary): string | undefined {
  const [first] = names;
  if (first === undefined || !first.includes('.')) return undefined;
  const prefix = first.slice(0, first.indexOf('.') + 1);
  return [...names].every((name) => name.startsWith(prefix)) ? prefix : undefined;
}

/** The dictionary as it is, without wrappers, and without the prefixes that all names share. */
function* variants(dictionary: TensorDictionary): Generator<TensorDictionary> {
  yield dictionary;
  let current: TensorDictionary | undefined = renamed(dictionary, withoutWrappers);
  for (let stripped = 0; current && stripped <= MAX_SHARED_PREFIXES; stripped++) {
    yield current;
    const prefix = sharedPrefix(current);
    current = prefix === undefined ? undefined : renamed(current, (name) => name.slice(prefix.length));
  }
}

/** How many of the names a dictionary lacks. */
export function countMissing({ names }: TensorDictionary, wanted: readonly string[]): number {
  return wanted.reduce((count, name) => (names.has(name) ? count : count + 1), 0);
}

/** The dictionary under the names that fit best: its own, or those without what wrappers put before them. */
export function unwrapped(dictionary: TensorDictionary, wanted: readonly string[]): TensorDictionary {
  let best = dictionary;
  for (const variant of variants(dictionary)) {
    if (countMissing(best, wanted) === 0) break;
    if (countMissing(variant, wanted) < countMissing(best, wanted)) best = variant;
  }
  return best;
}

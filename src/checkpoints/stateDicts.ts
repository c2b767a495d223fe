import { quotable } from '../errors.js';
import { itemsOf, OpaqueObject, PickleGlobal, type PickleValue } from './pickleValues.js';
import { TorchTensor, UnreadableTensor } from './torchTensor.js';

/** Dictionaries are searched this deep, and this many of them: optimizers have one for each parameter. */
const MAX_DEPTH = 4;
const MAX_DICTIONARIES = 10_000;
/** More tensors than any model has. */
const MAX_TENSORS = 1 << 17;
const SHOWN_KEYS = 12;

export type TorchStateDict = ReadonlyMap<string, TorchTensor | UnreadableTensor | OpaqueObject>;

/** The tensors of a dictionary by name, and what may be tensors; undefined when it holds none. */
function tensorsIn(items: ReadonlyMap<PickleValue, PickleValue>): TorchStateDict | undefined {
  const found = new Map<string, TorchTensor | UnreadableTensor | OpaqueObject>();
  let tensors = 0;
  for (const [name, value] of items) {
    if (typeof name !== 'string') continue;
    const isTensor = value instanceof TorchTensor || value instanceof UnreadableTensor;
    if (isTensor || value instanceof OpaqueObject) found.set(name, value);
    if (isTensor && ++tensors > MAX_TENSORS) return undefined;
  }
  return tensors > 0 ? found : undefined;
}

/** All dictionaries with tensors in a checkpoint, by their keys joined by dots; outer ones come first. */
export function findStateDicts(root: PickleValue): ReadonlyMap<string, TorchStateDict> {
  const found = new Map<string, TorchStateDict>();
  const seen = new Set<PickleValue>();
  let level: (readonly [string, PickleValue])[] = [['', root]];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const next: (readonly [string, PickleValue])[] = [];
    for (const [path, value] of level) {
      const items = itemsOf(value);
      if (!items || seen.has(value) || seen.size >= MAX_DICTIONARIES) continue;
      seen.add(value);
      const tensors = tensorsIn(items);
      if (tensors && !found.has(path)) found.set(path, tensors);
      for (const [key, inner] of items)
        if (typeof key === 'string' && itemsOf(inner) && next.length < MAX_DICTIONARIES)
          next.push([path === '' ? key : `${path}.${key}`, inner]);
    }
    level = next;
  }
  return found;
}

function kindOf(value: PickleValue): string {
  if (value instanceof TorchTensor) return 'a tensor';
  if (value instanceof UnreadableTensor || value instanceof OpaqueObject)
    return `an object of '${quotable(value.origin)}'`;
  if (value instanceof PickleGlobal) return `'${quotable(value.name)}'`;
  if (value instanceof Map) return `a dictionary of ${value.size} items`;
  if (Array.isArray(value)) return `a list of ${value.length} items`;
  if (value === null) return 'None';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

/** What a checkpoint without tensors holds, in words. */
export function describeContent(root: PickleValue): string {
  const items = itemsOf(root);
  if (!items) return `it is ${kindOf(root)}, not a dictionary; save the model's state_dict() instead`;
  const shown = [...items].slice(0, SHOWN_KEYS).map(([key, value]) => {
    const name = typeof key === 'string' ? `'${quotable(key)}'` : kindOf(key);
    return `${name} (${kindOf(value)})`;
  });
  const more = items.size > SHOWN_KEYS ? ` and ${items.size - SHOWN_KEYS} more` : '';
  return `its keys are ${shown.join(', ') || 'none'}${more}`;
}

/** A dictionary. Python's rules for which keys are the same do not matter here: names of tensors are text. */
export type PickleDict = Map<PickleValue, PickleValue>;

/** A reference to a Python name, such as `torch._utils._rebuild_tensor_v2`. */
export class PickleGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Something that only Python could make, by calling what `origin` names. It stands for itself, and is an error only
 * where it is needed. Items that were put into it are kept, since it may be a kind of dictionary.
 */
export class OpaqueObject {
  readonly origin: string;
  items: PickleDict | undefined;
  constructor(origin: string) {
    this.origin = origin;
  }
}

/** What the caller's own functions make; a class for each kind tells them apart. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** A pickled value. Lists and tuples are arrays; bytes, sets and the like are opaque. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleGlobal
  | OpaqueObject
  | PickleObject
  | PickleDict
  | PickleValue[];

/** A pickle that is damaged, or that is made to do harm. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

/** The items of a dictionary or of what may be one; undefined for everything else. */
export function itemsOf(value: PickleValue | undefined): ReadonlyMap<PickleValue, PickleValue> | undefined {
  if (value instanceof Map) return value;
  return value instanceof OpaqueObject ? value.items : undefined;
}

/**
 * Reads the part of Python's pickle format that PyTorch checkpoints use. Nothing is ever executed: a global name
 * only stands for itself, and calling one is the caller's business, who knows an allow-list of names.
 */

/** A dictionary or an object with attributes. Keys that are not text are kept as their text. */
export type PickleDict = Map<PickleValue, PickleValue>;

/** A reference to a Python name, such as `torch._utils._rebuild_tensor_v2`. */
export class PickleGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** The result of calling a Python name that means something to the caller. */
export class PickleObject {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleObject
  | PickleDict
  | Set<PickleValue>
  | PickleValue[];

export interface UnpickleOptions {
  /**
   * Whether a Python name may appear.
   * @returns false to refuse the file
   */
  readonly allowGlobal: (name: string) => boolean;
  /** What calling an allowed name with these arguments gives. */
  readonly call: (name: string, args: readonly PickleValue[]) => PickleValue;
  /** What a persistent reference stands for. */
  readonly resolvePersistent: (id: PickleValue) => PickleValue;
}

/** A pickle that is damaged, or that holds what is not allowed. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

const MARK = Symbol('mark');
type StackItem = PickleValue | typeof MARK;

/** Nesting and memo sizes of real checkpoints are far below; this only stops hostile ones. */
const MAX_STACK = 10_000_000;

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private advance(count: number): number {
    const start = this.position;
    if (!Number.isSafeInteger(count) || count < 0 || start + count > this.bytes.length)
      throw new PickleError('the pickle ends early');
    this.position += count;
    return start;
  }

  u8 = () => this.view.getUint8(this.advance(1));
  u16 = () => this.view.getUint16(this.advance(2), true);
  i32 = () => this.view.getInt32(this.advance(4), true);
  u32 = () => this.view.getUint32(this.advance(4), true);
  u64 = () => Number(this.view.getBigUint64(this.advance(8), true));
  f64BigEndian = () => this.view.getFloat64(this.advance(8), false);

  take(count: number): Uint8Array {
    const start = this.advance(count);
    return this.bytes.subarray(start, start + count);
  }

  text(count: number): string {
    return new TextDecoder().decode(this.take(count));
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleError('the pickle ends early');
    const text = this.text(end - this.position);
    this.advance(1);
    return text;
  }
}

function littleEndianInteger(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (const [index, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * index);
  const signed = BigInt.asIntN(8 * bytes.length, value);
  return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
}

/**
 * Reads one pickled value.
 * @throws PickleError when the data is damaged, or uses a name or an instruction that is not allowed.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): PickleValue {
  const reader = new Reader(bytes);
  const stack: StackItem[] = [];
  const memo = new Map<number, PickleValue>();

  const push = (value: StackItem) => {
    if (stack.length >= MAX_STACK) throw new PickleError('the pickle is nested too deeply');
    stack.push(value);
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === MARK)
      throw new PickleError('the pickle is damaged: a value is missing');
    return value;
  };
  const popToMark = (): PickleValue[] => {
    const at = stack.lastIndexOf(MARK);
    if (at < 0) throw new PickleError('the pickle is damaged: a mark is missing');
    const values = stack.splice(at).slice(1);
    return values as PickleValue[];
  };
  const top = (): PickleValue => {
    const value = pop();
    push(value);
    return value;
  };
  const recall = (index: number): PickleValue => {
    const value = memo.get(index);
    if (value === undefined)
      throw new PickleError(`the pickle is damaged: nothing is remembered as ${index}`);
    return value;
  };
  const requireGlobal = (name: string): PickleGlobal => {
    if (!options.allowGlobal(name))
      throw new PickleError(
        `it refers to '${name}', which is not allowed in a checkpoint because it could run code`,
      );
    return new PickleGlobal(name);
  };
  const callTop = () => {
    const args = pop();
    const callee = pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
      throw new PickleError('the pickle is damaged: a call of something that is no name');
    push(options.call(callee.name, args));
  };
  const setItems = (pairs: readonly PickleValue[]) => {
    const target = top();
    if (!(target instanceof Map))
      throw new PickleError('the pickle is damaged: items of something that is no dictionary');
    for (let index = 0; index + 1 < pairs.length; index += 2) target.set(pairs[index]!, pairs[index + 1]!);
  };
  const append = (values: readonly PickleValue[]) => {
    const target = top();
    if (!Array.isArray(target))
      throw new PickleError('the pickle is damaged: elements of something that is no list');
    for (const value of values) target.push(value);
  };
  const build = () => {
    const state = pop();
    const target = top();
    // Attributes of an object; those of a plain dictionary (such as `_metadata`) mean nothing here.
    if (target instanceof PickleObject && target.value instanceof Map && state instanceof Map)
      for (const [key, value] of state) target.value.set(key, value);
  };

  const instructions: Readonly<Record<number, () => void>> = {
    0x80: () => void reader.u8(), // PROTO
    0x95: () => void reader.u64(), // FRAME
    0x28: () => push(MARK),
    0x30: () => void pop(), // POP
    0x31: () => void popToMark(), // POP_MARK
    0x32: () => push(top()), // DUP
    0x4e: () => push(null),
    0x88: () => push(true),
    0x89: () => push(false),
    0x4a: () => push(reader.i32()), // BININT
    0x4b: () => push(reader.u8()), // BININT1
    0x4d: () => push(reader.u16()), // BININT2
    0x8a: () => push(littleEndianInteger(reader.take(reader.u8()))), // LONG1
    0x8b: () => push(littleEndianInteger(reader.take(reader.u32()))), // LONG4
    0x47: () => push(reader.f64BigEndian()), // BINFLOAT
    0x58: () => push(reader.text(reader.u32())), // BINUNICODE
    0x8c: () => push(reader.text(reader.u8())), // SHORT_BINUNICODE
    0x8d: () => push(reader.text(reader.u64())), // BINUNICODE8
    0x42: () => push(reader.take(reader.u32())), // BINBYTES
    0x43: () => push(reader.take(reader.u8())), // SHORT_BINBYTES
    0x55: () => push(reader.text(reader.u8())), // SHORT_BINSTRING
    0x54: () => push(reader.text(reader.u32())), // BINSTRING
    0x7d: () => push(new Map()), // EMPTY_DICT
    0x5d: () => push([]), // EMPTY_LIST
    0x29: () => push([]), // EMPTY_TUPLE
    0x8f: () => push(new Set()), // EMPTY_SET
    0x74: () => push(popToMark()), // TUPLE
    0x6c: () => push(popToMark()), // LIST
    0x85: () => push([pop()]), // TUPLE1
    0x86: () => {
      const [b, a] = [pop(), pop()];
      push([a, b]);
    },
    0x87: () => {
      const [c, b, a] = [pop(), pop(), pop()];
      push([a, b, c]);
    },
    0x64: () => {
      const pairs = popToMark(); // DICT
      push(new Map());
      setItems(pairs);
    },
    0x73: () => {
      const [value, key] = [pop(), pop()]; // SETITEM
      setItems([key, value]);
    },
    0x75: () => setItems(popToMark()), // SETITEMS
    0x61: () => append([pop()]), // APPEND
    0x65: () => append(popToMark()), // APPENDS
    0x90: () => {
      const values = popToMark(); // ADDITEMS
      const target = top();
      if (target instanceof Set) for (const value of values) target.add(value);
    },
    0x71: () => void memo.set(reader.u8(), top()), // BINPUT
    0x72: () => void memo.set(reader.u32(), top()), // LONG_BINPUT
    0x94: () => void memo.set(memo.size, top()), // MEMOIZE
    0x68: () => push(recall(reader.u8())), // BINGET
    0x6a: () => push(recall(reader.u32())), // LONG_BINGET
    0x63: () => push(requireGlobal(`${reader.line()}.${reader.line()}`)), // GLOBAL
    0x93: () => {
      const [name, module] = [pop(), pop()]; // STACK_GLOBAL
      push(requireGlobal(`${String(module)}.${String(name)}`));
    },
    0x52: callTop, // REDUCE
    0x81: callTop, // NEWOBJ
    0x62: build, // BUILD
    0x51: () => push(options.resolvePersistent(pop())), // BINPERSID
  };

  for (;;) {
    const code = reader.u8();
    if (code === 0x2e) return pop(); // STOP
    const instruction = instructions[code];
    if (!instruction)
      throw new PickleError(`the pickle uses instruction 0x${code.toString(16)}, which checkpoints do not`);
    instruction();
  }
}

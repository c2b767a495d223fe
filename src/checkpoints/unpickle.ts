import { PickleReader } from './pickleReader.js';
import {
  OpaqueObject,
  type PickleDict,
  PickleError,
  PickleGlobal,
  type PickleObject,
  type PickleValue,
} from './pickleValues.js';

export interface UnpickleOptions {
  /** What calling a Python name with these arguments gives. Nothing is ever executed: most give an opaque object. */
  readonly call: (name: string, args: readonly PickleValue[]) => PickleValue;
  /** What a persistent reference stands for. */
  readonly resolvePersistent: (id: PickleValue) => PickleObject | OpaqueObject;
}

const MARK = Symbol('mark');
type StackItem = PickleValue | typeof MARK;

/** The newest protocol that is read; PyTorch writes 2. */
const MAX_PROTOCOL = 5;

/** What one pickle may hold. Real checkpoints stay far below; hostile ones would fill the memory by single bytes. */
const LIMITS = {
  instructions: 1 << 25,
  'lists and tuples': 1 << 22,
  dictionaries: 1 << 18,
  'items of copied dictionaries': 1 << 20,
  'remembered values': 1 << 21,
} as const;

/** Counts what a pickle uses. @throws PickleError beyond the limits. */
function createBudget(): (what: keyof typeof LIMITS, count?: number) => void {
  const used = new Map<string, number>();
  return (what, count = 1) => {
    const total = (used.get(what) ?? 0) + count;
    if (total > LIMITS[what]) throw new PickleError(`the pickle has more than ${LIMITS[what]} ${what}`);
    used.set(what, total);
  };
}

/** Bytes and sets are never needed: one object stands for them all. */
const BYTES = new OpaqueObject('bytes');
const SET = new OpaqueObject('set');

/** The length of a list; nothing for other values. */
const lengthOf = (value: PickleValue) => (Array.isArray(value) ? [value.length] : []);

const damaged = (reason: string) => new PickleError(`the pickle is damaged: ${reason}`);

/**
 * Reads one pickled value of protocol 2 to 5. Nothing is ever executed: a Python name only stands for itself, and what
 * calling it gives is the caller's business.
 * @throws PickleError when the data is damaged, uses unknown instructions or holds absurdly much.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): PickleValue {
  const reader = new PickleReader(bytes);
  const stack: StackItem[] = [];
  const memo = new Map<number, PickleValue>();
  const globals = new Map<string, PickleGlobal>();
  const spend = createBudget();

  const push = (value: StackItem) => void stack.push(value);
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw damaged('a value is missing');
    return value;
  };
  const popToMark = (): PickleValue[] => {
    const at = stack.lastIndexOf(MARK);
    if (at < 0) throw damaged('a mark is missing');
    const values = stack.splice(at + 1);
    stack.pop();
    return values as PickleValue[];
  };
  const top = (): PickleValue => {
    const value = stack.at(-1);
    if (value === undefined || value === MARK) throw damaged('a value is missing');
    return value;
  };
  const remember = (index: number) => {
    spend('remembered values');
    memo.set(index, top());
  };
  const recall = (index: number): PickleValue => {
    const value = memo.get(index);
    if (value === undefined) throw damaged(`nothing is remembered as ${index}`);
    return value;
  };
  const newDict = (): PickleDict => {
    spend('dictionaries');
    return new Map();
  };
  const pushList = (values: PickleValue[]) => {
    spend('lists and tuples');
    stack.push(values);
  };
  const pushGlobal = (module: PickleValue, name: PickleValue) => {
    if (typeof module !== 'string' || typeof name !== 'string') throw damaged('a name is no text');
    const full = `${module}.${name}`;
    const known = globals.get(full) ?? new PickleGlobal(full);
    globals.set(full, known);
    stack.push(known);
  };
  const call = (callee: PickleValue, args: PickleValue) => {
    if (!Array.isArray(args)) throw damaged('a call without arguments');
    if (callee instanceof OpaqueObject) return push(new OpaqueObject(callee.origin));
    if (!(callee instanceof PickleGlobal)) throw damaged('a call of something that is no name');
    const result = options.call(callee.name, args);
    if (result instanceof Map) {
      spend('dictionaries');
      // A list of pairs that is used again and again would cost its length each time.
      spend(
        'items of copied dictionaries',
        args
          .slice(0, 2)
          .flatMap(lengthOf)
          .reduce((a, b) => a + b, 0),
      );
    }
    push(result);
  };
  const setItems = (pairs: readonly PickleValue[]) => {
    const target = top();
    if (target === BYTES || target === SET) throw damaged('items of something that is no dictionary');
    if (target instanceof OpaqueObject) target.items ??= newDict();
    const items = target instanceof OpaqueObject ? target.items : target;
    if (!(items instanceof Map) || pairs.length % 2 !== 0)
      throw damaged('items of something that is no dictionary');
    for (let index = 0; index < pairs.length; index += 2) items.set(pairs[index]!, pairs[index + 1]!);
  };
  const append = (values: readonly PickleValue[]) => {
    const target = top();
    if (target instanceof OpaqueObject) return;
    if (!Array.isArray(target)) throw damaged('elements of something that is no list');
    for (const value of values) target.push(value);
  };

  const instructions: Readonly<Record<number, () => void>> = {
    0x80: () => {
      const protocol = reader.u8(); // PROTO
      if (protocol > MAX_PROTOCOL)
        throw new PickleError(`the pickle is of protocol ${protocol}, which is newer`);
    },
    0x95: () => void reader.u64(), // FRAME
    0x28: () => push(MARK),
    0x30: () => {
      if (stack.pop() === undefined) throw damaged('a value is missing'); // POP
    },
    0x31: () => void popToMark(), // POP_MARK
    0x32: () => push(top()), // DUP
    0x4e: () => push(null),
    0x88: () => push(true),
    0x89: () => push(false),
    0x4a: () => push(reader.i32()), // BININT
    0x4b: () => push(reader.u8()), // BININT1
    0x4d: () => push(reader.u16()), // BININT2
    0x8a: () => push(reader.integer(reader.u8())), // LONG1
    0x8b: () => push(reader.integer(reader.u32())), // LONG4
    0x47: () => push(reader.f64BigEndian()), // BINFLOAT
    0x58: () => push(reader.text(reader.u32())), // BINUNICODE
    0x8c: () => push(reader.text(reader.u8())), // SHORT_BINUNICODE
    0x8d: () => push(reader.text(reader.u64())), // BINUNICODE8
    0x55: () => push(reader.text(reader.u8())), // SHORT_BINSTRING
    0x54: () => push(reader.text(reader.u32())), // BINSTRING
    0x43: () => skipBytes(reader.u8()), // SHORT_BINBYTES
    0x42: () => skipBytes(reader.u32()), // BINBYTES
    0x8e: () => skipBytes(reader.u64()), // BINBYTES8
    0x96: () => skipBytes(reader.u64()), // BYTEARRAY8
    0x7d: () => push(newDict()), // EMPTY_DICT
    0x5d: () => pushList([]), // EMPTY_LIST
    0x29: () => pushList([]), // EMPTY_TUPLE
    0x8f: () => push(SET), // EMPTY_SET
    0x91: () => {
      popToMark(); // FROZENSET
      push(SET);
    },
    0x90: () => void popToMark(), // ADDITEMS
    0x74: () => pushList(popToMark()), // TUPLE
    0x6c: () => pushList(popToMark()), // LIST
    0x85: () => pushList([pop()]), // TUPLE1
    0x86: () => {
      const [b, a] = [pop(), pop()];
      pushList([a, b]);
    },
    0x87: () => {
      const [c, b, a] = [pop(), pop(), pop()];
      pushList([a, b, c]);
    },
    0x64: () => {
      const pairs = popToMark(); // DICT
      push(newDict());
      setItems(pairs);
    },
    0x73: () => {
      const [value, key] = [pop(), pop()]; // SETITEM
      setItems([key, value]);
    },
    0x75: () => setItems(popToMark()), // SETITEMS
    0x61: () => append([pop()]), // APPEND
    0x65: () => append(popToMark()), // APPENDS
    0x71: () => remember(reader.u8()), // BINPUT
    0x72: () => remember(reader.u32()), // LONG_BINPUT
    0x94: () => remember(memo.size), // MEMOIZE
    0x68: () => push(recall(reader.u8())), // BINGET
    0x6a: () => push(recall(reader.u32())), // LONG_BINGET
    0x63: () => pushGlobal(reader.line(), reader.line()), // GLOBAL
    0x93: () => {
      const [name, module] = [pop(), pop()]; // STACK_GLOBAL
      pushGlobal(module, name);
    },
    0x52: () => {
      const [args, callee] = [pop(), pop()]; // REDUCE
      call(callee, args);
    },
    0x81: () => {
      const [args, callee] = [pop(), pop()]; // NEWOBJ
      call(callee, args);
    },
    0x92: () => {
      const [, args, callee] = [pop(), pop(), pop()]; // NEWOBJ_EX
      call(callee, args);
    },
    // BUILD: attributes of an object, or of a dictionary such as a state dict's `_metadata`, mean nothing here.
    0x62: () => void pop(),
    0x51: () => push(options.resolvePersistent(pop())), // BINPERSID
  };
  const skipBytes = (count: number) => {
    reader.skip(count);
    push(BYTES);
  };

  for (;;) {
    spend('instructions');
    const code = reader.u8();
    if (code === 0x2e) return pop(); // STOP
    const instruction = instructions[code];
    if (!instruction)
      throw new PickleError(`the pickle uses instruction 0x${code.toString(16)}, which checkpoints do not`);
    instruction();
  }
}

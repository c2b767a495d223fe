/** Part of a pickle program, protocol 2: what it leaves on the stack is the value. */
export type Encoded = Buffer;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const raw = (...bytes: readonly number[]) => Buffer.from(bytes);

/** Programs for the values that checkpoints are made of. */
export const pickle = {
  text: (value: string): Encoded =>
    Buffer.concat([raw(0x58), u32(Buffer.byteLength(value)), Buffer.from(value)]),
  /** A whole number of 32 bits with sign. */
  int: (value: number): Encoded => Buffer.concat([raw(0x4a), u32(value >>> 0)]),
  none: raw(0x4e) as Encoded,
  false: raw(0x89) as Encoded,
  global: (module: string, name: string): Encoded => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: readonly Encoded[]): Encoded => Buffer.concat([raw(0x28), ...items, raw(0x74)]),
  call: (callee: Encoded, ...args: readonly Encoded[]): Encoded =>
    Buffer.concat([callee, pickle.tuple(...args), raw(0x52)]),
  dict: (entries: Readonly<Record<string, Encoded>>): Encoded =>
    Buffer.concat([
      raw(0x7d, 0x28),
      ...Object.entries(entries).flatMap(([key, value]) => [pickle.text(key), value]),
      raw(0x75),
    ]),
  persistent: (id: Encoded): Encoded => Buffer.concat([id, raw(0x51)]),
  program: (value: Encoded): Buffer => Buffer.concat([raw(0x80, 2), value, raw(0x2e)]),
};

/** A tensor over a storage of the archive. */
export interface TensorDescription {
  readonly storage: string;
  /** Name of the storage's class in torch; FloatStorage when left out. */
  readonly type?: string;
  readonly elements: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A tensor as `torch.save` pickles it. */
export function pickledTensor({
  storage,
  type = 'FloatStorage',
  elements,
  offset = 0,
  shape,
  strides,
}: TensorDescription): Encoded {
  const id = pickle.tuple(
    pickle.text('storage'),
    pickle.global('torch', type),
    pickle.text(storage),
    pickle.text('cpu'),
    pickle.int(elements),
  );
  return pickle.call(
    pickle.global('torch._utils', '_rebuild_tensor_v2'),
    pickle.persistent(id),
    pickle.int(offset),
    pickle.tuple(...shape.map(pickle.int)),
    pickle.tuple(...strides.map(pickle.int)),
    pickle.false,
    pickle.call(pickle.global('collections', 'OrderedDict')),
  );
}

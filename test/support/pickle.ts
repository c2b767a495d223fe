import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** Pickle instructions for values, enough to write what `torch.save` writes and what it never would. */
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const raw = (...bytes: readonly number[]) => Buffer.from(bytes);

export type Encoded = Buffer;

export const pickle = {
  text: (value: string): Encoded =>
    Buffer.concat([raw(0x58), u32(Buffer.byteLength(value)), Buffer.from(value)]),
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

export interface TensorDescription {
  readonly storage: string;
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

/** Writes a zip like `torch.save`'s. */
export async function writeCheckpoint(
  path: string,
  value: Encoded,
  storages: Readonly<Record<string, ArrayBufferView>> = {},
  compress = false,
): Promise<void> {
  const zip = new ZipFile();
  zip.addBuffer(pickle.program(value), 'archive/data.pkl', { compress });
  for (const [name, { buffer: bytes, byteOffset, byteLength }] of Object.entries(storages))
    zip.addBuffer(Buffer.from(bytes as ArrayBuffer, byteOffset, byteLength), `archive/data/${name}`, {
      compress,
    });
  zip.end();
  writeFileSync(path, await buffer(zip.outputStream));
}

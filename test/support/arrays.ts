import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

const WIDTHS = { u1: 1, i1: 1, u2: 2, i4: 4, u8: 8, i8: 8, f4: 4, f8: 8 } as const;
export type ArrayKind = keyof typeof WIDTHS;

function writeElement(bytes: Buffer, kind: ArrayKind, offset: number, value: number | bigint): void {
  switch (kind) {
    case 'u8':
      bytes.writeBigUInt64LE(BigInt(value), offset);
      break;
    case 'i8':
      bytes.writeBigInt64LE(BigInt(value), offset);
      break;
    case 'f4':
      bytes.writeFloatLE(Number(value), offset);
      break;
    case 'f8':
      bytes.writeDoubleLE(Number(value), offset);
      break;
    case 'i1':
    case 'i4':
      bytes.writeIntLE(Number(value), offset, WIDTHS[kind]);
      break;
    case 'u1':
    case 'u2':
      bytes.writeUIntLE(Number(value), offset, WIDTHS[kind]);
  }
}

/** A `.npy` file with a header of one's own. */
export function npyWithHeader(header: string, data: Buffer, version = 1): Buffer {
  const text = Buffer.from(header, 'latin1');
  const prefix = Buffer.alloc(version === 1 ? 10 : 12);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  if (version === 1) prefix.writeUInt16LE(text.length, 8);
  else prefix.writeUInt32LE(text.length, 8);
  return Buffer.concat([prefix, text, data]);
}

/** A `.npy` file as NumPy writes it; elements that are not given are 0. */
export function npyFile(
  kind: ArrayKind,
  shape: readonly number[],
  values: readonly (number | bigint)[] = [],
): Buffer {
  const width = WIDTHS[kind];
  const bytes = Buffer.alloc(shape.reduce((a, b) => a * b, 1) * width);
  for (const [index, value] of values.entries()) writeElement(bytes, kind, index * width, value);
  const order = width === 1 ? '|' : '<';
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  return npyWithHeader(
    `{'descr': '${order}${kind}', 'fortran_order': False, 'shape': (${sizes}), }\n`,
    bytes,
  );
}

/** Writes a `.npz` archive. */
export async function writeNpz(path: string, arrays: Readonly<Record<string, Buffer>>): Promise<void> {
  const zip = new ZipFile();
  for (const [name, bytes] of Object.entries(arrays)) zip.addBuffer(bytes, `${name}.npy`);
  zip.end();
  writeFileSync(path, await buffer(zip.outputStream));
}

/** An IDX file, the format of MNIST. */
export function idxFile(magic: number, sizes: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(magic, 0);
  for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, data]);
}

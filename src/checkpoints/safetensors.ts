import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError, systemReason } from '../errors.js';
import {
  BYTES_PER_ELEMENT,
  byteLength,
  type StoredDType,
  type StoredTensor,
  type Weights,
} from '../graph/weights.js';
import { readFileRange } from '../files/fileRange.js';

/** The names of element types in safetensors headers. */
const DTYPE_NAMES: Readonly<Record<StoredDType, string>> = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i64: 'I64',
  i32: 'I32',
  i16: 'I16',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
};
const DTYPES = new Map(Object.entries(DTYPE_NAMES).map(([dtype, name]) => [name, dtype as StoredDType]));

const LENGTH_BYTES = 8;
/** The format's own limit, which keeps a hostile header from filling the memory. */
const MAX_HEADER_BYTES = 100_000_000;
/** Elements start at a multiple of this, so that they can be mapped and read in place. */
const ALIGNMENT = 64;

/** An open safetensors file. Tensors are read one by one when asked for. */
export interface SafetensorsFile {
  readonly tensors: Weights;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(name: string, value: unknown, dataBytes: number, fail: (reason: string) => never): Entry {
  if (!isRecord(value)) return fail(`the entry of tensor '${name}' is not an object`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  const dtype = typeof dtypeName === 'string' ? DTYPES.get(dtypeName) : undefined;
  if (!dtype) return fail(`tensor '${name}' has the unknown dtype ${JSON.stringify(dtypeName)}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`tensor '${name}' has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail(`tensor '${name}' has no valid data offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes)
    return fail(`tensor '${name}' lies at bytes ${begin} to ${end}, outside the ${dataBytes} bytes of data`);
  if (end - begin !== byteLength({ dtype, shape }))
    return fail(
      `tensor '${name}' has ${end - begin} bytes, not the ${byteLength({ dtype, shape })} of its shape`,
    );
  return { name, dtype, shape, begin, end };
}

function requireNoOverlap(entries: readonly Entry[], fail: (reason: string) => never): void {
  const sorted = entries.filter(({ begin, end }) => end > begin).sort((a, b) => a.begin - b.begin);
  for (const [index, entry] of sorted.entries()) {
    const previous = sorted[index - 1];
    if (previous && entry.begin < previous.end)
      fail(`tensors '${previous.name}' and '${entry.name}' overlap`);
  }
}

/**
 * Reads a safetensors header and checks it wholly; the tensors stay in the file.
 * @throws InputError naming the file and what is wrong with it.
 */
export function openSafetensors(givenPath: string): SafetensorsFile {
  const path = resolve(givenPath);
  const fail = (reason: string): never => {
    throw new InputError(`${givenPath}: not a valid safetensors file: ${reason}`);
  };
  let size: number;
  try {
    size = statSync(path).size;
  } catch (error) {
    throw new InputError(`${givenPath}: cannot be read: ${systemReason(error)}`, error);
  }
  if (size < LENGTH_BYTES) fail(`it has only ${size} bytes`);
  const headerBytes = Number(new DataView(readFileRange(path, 0, LENGTH_BYTES).buffer).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > size)
    fail(`its header of ${headerBytes} bytes does not fit in the file of ${size}`);
  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(readFileRange(path, LENGTH_BYTES, headerBytes)),
    );
  } catch {
    return fail('its header is not JSON');
  }
  if (!isRecord(header)) return fail('its header is not an object');
  const dataStart = LENGTH_BYTES + headerBytes;
  const { __metadata__: metadata = {}, ...rest } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    return fail('its metadata is not text');
  const entries = Object.entries(rest).map(([name, value]) =>
    parseEntry(name, value, size - dataStart, fail),
  );
  requireNoOverlap(entries, fail);
  const tensors = new Map<string, StoredTensor>(
    entries.map(({ name, dtype, shape, begin, end }) => {
      const offset = dataStart + begin;
      return [
        name,
        { dtype, shape, file: { path, offset }, read: () => readFileRange(path, offset, end - begin) },
      ];
    }),
  );
  return { tensors, metadata: metadata as Readonly<Record<string, string>> };
}

/**
 * The bytes of a safetensors file, tensor by tensor, so that no more than one is in memory.
 * Tensors of larger elements come first, which keeps every tensor aligned.
 */
export function* serializeSafetensors(
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const sorted = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  let offset = 0;
  const entries = sorted.map(([name, tensor]) => {
    const begin = offset;
    offset += byteLength(tensor);
    return [
      name,
      { dtype: DTYPE_NAMES[tensor.dtype], shape: tensor.shape, data_offsets: [begin, offset] },
    ] as const;
  });
  const json = new TextEncoder().encode(
    JSON.stringify({
      ...(Object.keys(metadata).length > 0 && { __metadata__: metadata }),
      ...Object.fromEntries(entries),
    }),
  );
  const padded = Math.ceil((LENGTH_BYTES + json.length) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded - LENGTH_BYTES), true);
  header.set(json, LENGTH_BYTES);
  yield header;
  for (const [, tensor] of sorted) yield tensor.read();
}

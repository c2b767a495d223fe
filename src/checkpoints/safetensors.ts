import { resolve } from 'node:path';
import { InputError, quotable } from '../errors.js';
import { readFileRange, regularFileSize } from '../files/fileRange.js';
import { isRecord, JsonError, parseJson } from '../files/jsonText.js';
import {
  BYTES_PER_ELEMENT,
  byteLength,
  type StoredDType,
  type StoredTensor,
  type Weights,
} from '../graph/weights.js';

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
/** More tensors than any model has. */
const MAX_TENSORS = 1 << 17;
/** PyTorch's own limit. */
const MAX_AXES = 64;
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

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(name: string, value: unknown, dataBytes: number, fail: (reason: string) => never): Entry {
  const tensor = `tensor '${quotable(name)}'`;
  if (!isRecord(value)) return fail(`the entry of ${tensor} is not an object`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  const dtype = typeof dtypeName === 'string' ? DTYPES.get(dtypeName) : undefined;
  if (!dtype) return fail(`${tensor} has the unknown dtype ${quotable(JSON.stringify(dtypeName) ?? 'none')}`);
  if (!Array.isArray(shape) || shape.length > MAX_AXES || !shape.every(isSize))
    return fail(`${tensor} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail(`${tensor} has no valid data offsets`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes)
    return fail(`${tensor} lies at bytes ${begin} to ${end}, outside the ${dataBytes} bytes of data`);
  const bytes = byteLength({ dtype, shape });
  if (!Number.isSafeInteger(bytes)) return fail(`${tensor} has a shape of more elements than can be counted`);
  if (end - begin !== bytes) return fail(`${tensor} has ${end - begin} bytes, not the ${bytes} of its shape`);
  return { name, dtype, shape, begin, end };
}

function requireNoOverlap(entries: readonly Entry[], fail: (reason: string) => never): void {
  const sorted = entries.filter(({ begin, end }) => end > begin).sort((a, b) => a.begin - b.begin);
  for (const [index, entry] of sorted.entries()) {
    const previous = sorted[index - 1];
    if (previous && entry.begin < previous.end)
      fail(`tensors '${quotable(previous.name)}' and '${quotable(entry.name)}' overlap`);
  }
}

function parseHeader(bytes: Uint8Array, fail: (reason: string) => never): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return fail(
      `its header is not JSON${error instanceof JsonError ? ` that can be read: ${error.message}` : ' in UTF-8'}`,
    );
  }
  return isRecord(header) ? header : fail('its header is not an object');
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
  const size = regularFileSize(givenPath);
  if (size < LENGTH_BYTES) fail(`it has only ${size} bytes`);
  const headerBytes = Number(new DataView(readFileRange(path, 0, LENGTH_BYTES).buffer).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > size)
    fail(`its header of ${headerBytes} bytes does not fit in the file of ${size}`);
  const header = parseHeader(readFileRange(path, LENGTH_BYTES, headerBytes), fail);
  const dataStart = LENGTH_BYTES + headerBytes;
  const { __metadata__: metadata = {}, ...rest } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    return fail('its metadata is not text');
  const named = Object.entries(rest);
  if (named.length > MAX_TENSORS) return fail(`it has ${named.length} tensors, more than ${MAX_TENSORS}`);
  const entries = named.map(([name, value]) => parseEntry(name, value, size - dataStart, fail));
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

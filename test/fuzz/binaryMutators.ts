import { crc32 } from 'node:zlib';
import { deflateSync, inflateSync } from 'node:zlib';
import { mutateBytes, type Mutator, ODD_NUMBERS } from './mutators.js';
import type { Random } from './random.js';
import { mutateJson } from './textMutators.js';

const PNG_SIGNATURE_BYTES = 8;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

function pngChunks(png: Uint8Array): readonly Chunk[] {
  const bytes = Buffer.from(png);
  const chunks: Chunk[] = [];
  for (let offset = PNG_SIGNATURE_BYTES; offset + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    const data = bytes.subarray(offset + 8, offset + 8 + length);
    chunks.push({ type: bytes.toString('latin1', offset + 4, offset + 8), data });
    offset += 12 + length;
  }
  return chunks;
}

/** One chunk with its length and checksum. */
export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body) >>> 0);
  return Buffer.concat([length, body, checksum]);
}

function joinPng(png: Uint8Array, chunks: readonly Chunk[]): Uint8Array {
  return Buffer.concat([
    png.subarray(0, PNG_SIGNATURE_BYTES),
    ...chunks.map(({ type, data }) => pngChunk(type, data)),
  ]);
}

const CHUNK_TYPES = [
  'tRNS',
  'PLTE',
  'iCCP',
  'eXIf',
  'gAMA',
  'sRGB',
  'cHRM',
  'acTL',
  'fcTL',
  'CgBI',
  'IDAT',
  'IEND',
  'tEXt',
  'oddX',
];
/** Offset and width of the fields of IHDR. */
const HEADER_FIELDS = [
  [0, 4],
  [4, 4],
  [8, 1],
  [9, 1],
  [10, 1],
  [11, 1],
  [12, 1],
] as const;

function withNumber(bytes: Uint8Array, offset: number, width: number, value: bigint): Uint8Array {
  const whole = Buffer.alloc(8);
  whole.writeBigUInt64BE(value);
  const result = Uint8Array.from(bytes);
  result.set(whole.subarray(8 - width), offset);
  return result;
}

/** Changes chunks of a PNG; their checksums are right again, so that the change gets past them. */
export const mutatePng: Mutator = (png, random) => {
  const chunks = pngChunks(png);
  if (chunks.length === 0) return mutateBytes(png, random);
  const place = random.below(chunks.length);
  const chunk = chunks[place]!;
  switch (random.below(7)) {
    case 0: {
      const [offset, width] = random.pick(HEADER_FIELDS);
      const header = withNumber(chunks[0]!.data, offset, width, random.pick(ODD_NUMBERS));
      return joinPng(png, chunks.with(0, { ...chunks[0]!, data: header }));
    }
    case 1:
      if (chunk.data.length === 0) return mutateBytes(png, random);
      return joinPng(png, chunks.with(place, { ...chunk, data: mutateBytes(chunk.data, random) }));
    case 2: {
      // The pixels themselves: too few, too many, other filters.
      const at = chunks.findIndex(({ type }) => type === 'IDAT');
      if (at < 0) return mutateBytes(png, random);
      const pixels = inflateSync(
        Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)),
      );
      const data = deflateSync(mutateBytes(pixels, random));
      return joinPng(png, [
        ...chunks.slice(0, at),
        { type: 'IDAT', data },
        ...chunks.slice(at + 1).filter(({ type }) => type !== 'IDAT'),
      ]);
    }
    case 3:
      return joinPng(png, chunks.toSpliced(place, 1));
    case 4:
      return joinPng(png, chunks.toSpliced(place, 0, chunk));
    case 5:
      return joinPng(png, [...chunks.toSpliced(place, 1), chunk]);
    default:
      return joinPng(
        png,
        chunks.toSpliced(place, 0, { type: random.pick(CHUNK_TYPES), data: random.bytes(random.below(40)) }),
      );
  }
};

/** Changes lengths, sizes and order of a JPEG's segments. */
export const mutateJpeg: Mutator = (jpeg, random) => {
  const bytes = Buffer.from(jpeg);
  const segments: { readonly start: number; readonly end: number }[] = [];
  for (let offset = 2; offset + 4 <= bytes.length && bytes[offset] === 0xff && bytes[offset + 1] !== 0xda; ) {
    const end = offset + 2 + bytes.readUInt16BE(offset + 2);
    segments.push({ start: offset, end });
    offset = end;
  }
  if (segments.length === 0) return mutateBytes(jpeg, random);
  const { start, end } = random.pick(segments);
  const piece = bytes.subarray(start, end);
  const around = (middle: Uint8Array) =>
    Buffer.concat([bytes.subarray(0, start), middle, bytes.subarray(end)]);
  switch (random.below(4)) {
    case 0:
      return around(new Uint8Array());
    case 1:
      return around(Buffer.concat([piece, piece]));
    case 2:
      return around(withNumber(piece, 2, 2, random.pick(ODD_NUMBERS)));
    default: {
      const inner = 4 + random.below(Math.max(1, piece.length - 6));
      return around(withNumber(piece, Math.min(inner, piece.length - 2), 2, random.pick(ODD_NUMBERS)));
    }
  }
};

/** Changes the sizes of a WebP's chunks, and the numbers at their starts. */
export const mutateWebp: Mutator = (webp, random) => {
  const bytes = Buffer.from(webp);
  const starts = [4];
  for (
    let offset = 12;
    offset + 8 <= bytes.length;
    offset += 8 + bytes.readUInt32LE(offset + 4) + (bytes.readUInt32LE(offset + 4) % 2)
  )
    starts.push(offset + 4);
  const place = random.pick(starts) + (random.chance(0.5) ? 0 : 4 + random.below(12));
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(random.pick(ODD_NUMBERS));
  const result = Uint8Array.from(bytes);
  result.set(
    number.subarray(0, Math.min(4, Math.max(0, result.length - place))),
    Math.min(place, result.length),
  );
  return result;
};

const HEADER_LENGTH_BYTES = 8;

/** Changes a safetensors file's header; its length is right again, mostly. */
export const mutateSafetensors: Mutator = (file, random) => {
  const bytes = Buffer.from(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = mutateJson(bytes.subarray(HEADER_LENGTH_BYTES, HEADER_LENGTH_BYTES + length), random);
  const prefix = Buffer.alloc(HEADER_LENGTH_BYTES);
  prefix.writeBigUInt64LE(random.chance(0.95) ? BigInt(header.length) : random.pick(ODD_NUMBERS));
  return Buffer.concat([prefix, header, bytes.subarray(HEADER_LENGTH_BYTES + length)]);
};

const NPY_PREFIX_BYTES = 10;

/** Changes an .npy header's text; its length is right again, mostly. */
export const mutateNpy: Mutator = (file, random) => {
  const bytes = Buffer.from(file);
  const length = bytes.readUInt16LE(8);
  const header = mutateJson(bytes.subarray(NPY_PREFIX_BYTES, NPY_PREFIX_BYTES + length), random);
  const prefix = Buffer.from(bytes.subarray(0, NPY_PREFIX_BYTES));
  prefix.writeUInt16LE(random.chance(0.95) ? header.length & 0xffff : random.below(0x10000), 8);
  if (random.chance(0.05)) prefix[6] = random.below(8);
  return Buffer.concat([prefix, header, bytes.subarray(NPY_PREFIX_BYTES + length)]);
};

/** Changes the magic number or a size of an IDX file. */
export const mutateIdx: Mutator = (file, random) =>
  withNumber(file, 4 * random.below(Math.min(4, Math.floor(file.length / 4))), 4, random.pick(ODD_NUMBERS));

/** Instructions of pickle programs, by the bytes that follow them. */
const PICKLE_FRAGMENTS: readonly ((random: Random) => Uint8Array)[] = [
  (random) =>
    Uint8Array.of(random.pick([...'(.0127NQR\\]abcdegijlopqrstu}'].map((letter) => letter.charCodeAt(0)))),
  (random) =>
    Uint8Array.of(
      random.pick([
        0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90,
        0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
      ]),
    ),
  // A long integer that claims many bytes.
  (random) => Buffer.concat([Uint8Array.of(0x8b), random.bytes(4)]),
  // A number of any size.
  (random) => Buffer.concat([Uint8Array.of(random.pick([0x4a, 0x4b, 0x4d])), random.bytes(4)]),
  // Memo places far apart.
  (random) => Buffer.concat([Uint8Array.of(random.pick([0x72, 0x6a])), random.bytes(4)]),
  // Tuples in tuples.
  () => new Uint8Array(200).fill(0x85),
  // The same tuple doubled again and again.
  () => Buffer.from('\x86q\x01h\x01'.repeat(40), 'latin1'),
];

/** Puts an instruction somewhere into a pickle program, over another or between two. */
export const mutatePickle: Mutator = (program, random) => {
  const fragment = random.pick(PICKLE_FRAGMENTS)(random);
  const place = random.below(program.length);
  const over = random.chance(0.5) ? fragment.length : 0;
  return Buffer.concat([
    program.subarray(0, place),
    fragment,
    program.subarray(Math.min(program.length, place + over)),
  ]);
};

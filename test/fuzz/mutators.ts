import type { Random } from './random.js';

/** Changes an input somewhere; the same random numbers make the same change. */
export type Mutator = (input: Uint8Array, random: Random) => Uint8Array;

/** Numbers at which readers go wrong. */
export const ODD_NUMBERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0xffffffn,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

const WIDTHS = [1, 2, 4, 8] as const;

function spliced(input: Uint8Array, start: number, removed: number, added: Uint8Array): Uint8Array {
  const end = Math.min(input.length, start + removed);
  const result = new Uint8Array(input.length - (end - start) + added.length);
  result.set(input.subarray(0, start));
  result.set(added, start);
  result.set(input.subarray(end), start + added.length);
  return result;
}

/** An odd number in some width and byte order. */
function encodedNumber(random: Random): Uint8Array {
  const width = random.pick(WIDTHS);
  const bytes = new Uint8Array(8);
  const value = random.pick(ODD_NUMBERS);
  if (random.chance(0.5)) {
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return bytes.subarray(0, width);
  }
  new DataView(bytes.buffer).setBigUint64(0, value, false);
  return bytes.subarray(8 - width);
}

/** The longest piece that is removed, repeated or overwritten. */
const MAX_PIECE = 64;

const flipBit: Mutator = (input, random) => {
  const result = Uint8Array.from(input);
  const place = random.below(result.length);
  result[place] = result[place]! ^ (1 << random.below(8));
  return result;
};
const overwriteNumber: Mutator = (input, random) => {
  const number = encodedNumber(random);
  return spliced(input, random.below(input.length), number.length, number);
};
const overwriteNoise: Mutator = (input, random) => {
  const noise = random.bytes(1 + random.below(MAX_PIECE));
  return spliced(input, random.below(input.length), noise.length, noise);
};
const insertNoise: Mutator = (input, random) =>
  spliced(input, random.below(input.length + 1), 0, random.bytes(1 + random.below(MAX_PIECE)));
const remove: Mutator = (input, random) =>
  spliced(input, random.below(input.length), 1 + random.below(MAX_PIECE), new Uint8Array());
const truncate: Mutator = (input, random) => input.slice(0, random.below(input.length));
const repeat: Mutator = (input, random) => {
  const start = random.below(input.length);
  const piece = input.subarray(start, start + 1 + random.below(MAX_PIECE));
  const times = 1 + random.below(8);
  const repeated = new Uint8Array(piece.length * times);
  for (let index = 0; index < times; index++) repeated.set(piece, index * piece.length);
  return spliced(input, start, 0, repeated);
};
const fill: Mutator = (input, random) => {
  const length = 1 + random.below(MAX_PIECE);
  const value = random.pick([0x00, 0xff, 0x20, 0x0a, 0x80]);
  return spliced(input, random.below(input.length), length, new Uint8Array(length).fill(value));
};
const append: Mutator = (input, random) =>
  spliced(input, input.length, 0, random.bytes(1 + random.below(MAX_PIECE)));
const moveStart: Mutator = (input, random) => input.slice(random.below(Math.min(16, input.length)));

const BYTE_MUTATORS = [
  flipBit,
  flipBit,
  overwriteNumber,
  overwriteNumber,
  overwriteNoise,
  insertNoise,
  remove,
  truncate,
  repeat,
  fill,
  append,
  moveStart,
];

/** One to four changes that know nothing about the format. */
export const mutateBytes: Mutator = (input, random) => {
  let result = input;
  const changes = random.chance(0.6) ? 1 : 1 + random.below(4);
  for (let change = 0; change < changes && result.length > 0; change++)
    result = random.pick(BYTE_MUTATORS)(result, random);
  return result;
};

/** A change that parses the input, or one that does not where that fails or chance wants it. */
export function informed(...mutators: readonly Mutator[]): Mutator {
  return (input, random) => random.pick(random.chance(0.3) ? [mutateBytes] : mutators)(input, random);
}

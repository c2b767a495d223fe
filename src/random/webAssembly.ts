/**
 * Just enough WebAssembly to write a small program in: each function gives the bytes of an instruction after those of
 * what it takes from the stack, so that calls nest like expressions.
 */
export type Code = readonly number[];

/** Types of values. */
export const I32 = 0x7f;
export const V128 = 0x7b;

/** A whole number ≥ 0, seven bits a byte. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** A signed 32-bit number, seven bits a byte. */
function signed(value: number): Code {
  const rest = value >> 7;
  const isLast = rest === ((value & 0x40) === 0 ? 0 : -1);
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)];
}

const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
const binary =
  (opcode: Code) =>
  (left: Code, right: Code): Code => [...left, ...right, ...opcode];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];

export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(value | 0)],
  add: binary([0x6a]),
  /** Of unsigned numbers. */
  less: binary([0x49]),
};

/** Vectors of four 32-bit numbers. */
export const i32x4 = {
  constant: (lanes: readonly number[]): Code => [
    ...vector(12),
    ...lanes.flatMap((lane) => [lane & 0xff, (lane >>> 8) & 0xff, (lane >>> 16) & 0xff, lane >>> 24]),
  ],
  /** A number in all lanes. */
  splat: (value: Code): Code => [...value, ...vector(17)],
  add: binary(vector(174)),
  xor: binary(vector(81)),
  /** The unsigned 64-bit products of lanes 0 and 1; the lower word of each comes first. */
  lowProducts: binary(vector(222)),
  /** Those of lanes 2 and 3. */
  highProducts: binary(vector(223)),
  /** Lanes of two vectors: 0 to 3 are those of the first, 4 to 7 those of the second. */
  pick: (first: Code, second: Code, lanes: readonly number[]): Code => [
    ...first,
    ...second,
    ...vector(13),
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  ],
  store: (address: Code, offset: number, value: Code): Code => [
    ...address,
    ...value,
    ...vector(11),
    4,
    ...unsigned(offset),
  ],
};

/** Runs the body, and again as long as the condition then holds. */
export function repeatWhile(body: Code, condition: Code): Code {
  return [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const text = (name: string): Code => [name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))];

/**
 * A module with one function, exported as `run`, and a page of `memory`.
 * @param parameters how many 32-bit numbers the function takes, which are its first locals
 * @param locals the types of its other locals, which start as 0
 */
export function moduleOf(parameters: number, locals: readonly number[], body: Code): Uint8Array<ArrayBuffer> {
  const declared = [...unsigned(locals.length), ...locals.flatMap((type) => [1, type])];
  const code = [...declared, ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...new Array<number>(parameters).fill(I32), 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...text('run'), 0, 0, ...text('memory'), 2, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

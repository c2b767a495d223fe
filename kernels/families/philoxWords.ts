import type { Expression, GpuKernelWriter } from '../../src/graph/gpuRule.js';
import { divideIndex, moduloIndex } from '../../src/graph/indexExpression.js';
import type { OnnxEmitter } from '../../src/graph/onnxEmitter.js';
import { PHILOX_KEY_INCREMENTS, PHILOX_MULTIPLIERS, PHILOX_ROUNDS } from '../../src/random/philox.js';

/** Philox in the terms of ONNX and of GPU kernels (see `src/random/philox.ts`). */

const WORD = 0x100000000n;

/** The word whose halves of 16 bits, the lower one first, start at an index. */
export function wordAt(halves: ArrayLike<number>, start: number): number {
  return (halves[start]! | (halves[start + 1]! << 16)) >>> 0;
}

export function int64(emitter: OnnxEmitter, values: readonly (number | bigint)[]): string {
  return emitter.constant({ type: 'int64', values }, [values.length]);
}

function uint64(emitter: OnnxEmitter, value: bigint): string {
  return emitter.constant({ type: 'uint64', values: [value] }, []);
}

/** int64 words below 2³² whose halves lie along the last axis, from an index on; that axis is then 1. */
export function onnxWord(emitter: OnnxEmitter, halves: string, start: number): string {
  const half = (index: number) =>
    emitter.cast(
      emitter.node('Slice', [
        halves,
        int64(emitter, [index]),
        int64(emitter, [index + 1]),
        int64(emitter, [-1]),
      ]),
      'int64',
    );
  return emitter.node('Add', [
    half(start),
    emitter.node('Mul', [half(start + 1), int64(emitter, [0x10000])]),
  ]);
}

/**
 * The four words of each counter as int64 values below 2³²; 64-bit products wrap but keep the bits that count.
 * @param counter int64 words that broadcast
 * @param key int64 words that broadcast with them
 */
export function onnxPhilox(
  emitter: OnnxEmitter,
  start: readonly [string, string, string, string],
  startKey: readonly [string, string],
): readonly string[] {
  const low = (value: string) =>
    emitter.node('BitwiseAnd', [value, emitter.constant({ type: 'int64', values: [WORD - 1n] }, [])]);
  const high = (value: string) => {
    const shifted = emitter.node('BitShift', [emitter.cast(value, 'uint64'), uint64(emitter, 32n)], {
      direction: { string: 'RIGHT' },
    });
    return emitter.cast(shifted, 'int64');
  };
  const xor = (a: string, b: string) => emitter.node('BitwiseXor', [a, b]);
  let counter = start;
  let keys = startKey;
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const products = PHILOX_MULTIPLIERS.map((multiplier, index) =>
      emitter.node('Mul', [counter[index === 0 ? 0 : 2], int64(emitter, [multiplier])]),
    ) as [string, string];
    counter = [
      xor(xor(high(products[1]), counter[1]), keys[0]),
      low(products[1]),
      xor(xor(high(products[0]), counter[3]), keys[1]),
      low(products[0]),
    ];
    keys = [0, 1].map((index) =>
      low(emitter.node('Add', [keys[index]!, int64(emitter, [PHILOX_KEY_INCREMENTS[index]!])])),
    ) as [string, string];
  }
  return counter;
}

/** Numbers in [0, 1) of int64 words: their upper 24 bits. */
export function onnxUniform(emitter: OnnxEmitter, words: string): string {
  const upper = emitter.node('BitShift', [emitter.cast(words, 'uint64'), uint64(emitter, 8n)], {
    direction: { string: 'RIGHT' },
  });
  return emitter.node('Mul', [
    emitter.cast(upper, 'float'),
    emitter.constant({ type: 'float', values: [2 ** -24] }, []),
  ]);
}

/** A 32-bit word as four bytes, lowest first: floats hold their products exactly. */
export type Bytes = readonly [Expression, Expression, Expression, Expression];

export const ZERO_BYTES: Bytes = ['0', '0', '0', '0'];

export function unsignedBytes(writer: GpuKernelWriter, value: Expression): Bytes {
  const shifted = [0, 8, 16, 24].map((bits) => writer.temporary(divideIndex(value, 2 ** bits)));
  return shifted.map((part) => writer.temporary(moduloIndex(part, 256))) as unknown as Bytes;
}

/** Bytes of a word, of whose halves `read` gives the lower one for 0 and the upper one for 1. */
export function wordBytes(writer: GpuKernelWriter, read: (half: 0 | 1) => Expression): Bytes {
  return ([0, 1] as const).flatMap((which) => {
    const half = writer.temporary(read(which));
    return [writer.temporary(moduloIndex(half, 256)), writer.temporary(divideIndex(half, 256))];
  }) as unknown as Bytes;
}

function constantBytes(word: number): readonly number[] {
  return [0, 8, 16, 24].map((bits) => (word >>> bits) & 0xff);
}

/** The 64-bit product of a word and a constant, as the bytes of its high and low words. */
function multiplyBytes(
  writer: GpuKernelWriter,
  word: Bytes,
  factor: number,
): { readonly high: Bytes; readonly low: Bytes } {
  const factors = constantBytes(factor);
  let carry: Expression = '0';
  const bytes = Array.from({ length: 8 }, (_, column) => {
    const terms = word.flatMap((byte, at) => {
      const other = factors[column - at];
      return other === undefined ? [] : [`${byte} * ${other}`];
    });
    const total = writer.temporary([carry, ...terms].join(' + '));
    carry = writer.temporary(divideIndex(total, 256));
    return writer.temporary(moduloIndex(total, 256));
  });
  return { low: bytes.slice(0, 4) as unknown as Bytes, high: bytes.slice(4) as unknown as Bytes };
}

function addBytes(writer: GpuKernelWriter, word: Bytes, constant: number): Bytes {
  let carry: Expression = '0';
  return constantBytes(constant).map((byte, at) => {
    const total = writer.temporary(`${word[at]} + ${byte} + ${carry}`);
    carry = writer.temporary(divideIndex(total, 256));
    return writer.temporary(moduloIndex(total, 256));
  }) as unknown as Bytes;
}

function xorBytes(writer: GpuKernelWriter, ...words: readonly Bytes[]): Bytes {
  return [0, 1, 2, 3].map((at) =>
    words.map((word) => word[at]!).reduce((a, b) => writer.temporary(`(${a} ^ ${b})`)),
  ) as unknown as Bytes;
}

function philoxBytes(
  writer: GpuKernelWriter,
  start: readonly [Bytes, Bytes, Bytes, Bytes],
  startKey: readonly [Bytes, Bytes],
): readonly Bytes[] {
  let [a, b, c, d] = start;
  let [k0, k1] = startKey;
  for (let round = 0; round < PHILOX_ROUNDS; round++) {
    const first = multiplyBytes(writer, a, PHILOX_MULTIPLIERS[0]);
    const second = multiplyBytes(writer, c, PHILOX_MULTIPLIERS[1]);
    [a, b, c, d] = [
      xorBytes(writer, second.high, b, k0),
      second.low,
      xorBytes(writer, first.high, d, k1),
      first.low,
    ];
    k0 = addBytes(writer, k0, PHILOX_KEY_INCREMENTS[0]);
    k1 = addBytes(writer, k1, PHILOX_KEY_INCREMENTS[1]);
  }
  return [a, b, c, d];
}

/**
 * The number in [0, 1) of a counter's word.
 * @param lane which of the four words
 */
export function gpuUniform(
  writer: GpuKernelWriter,
  counter: readonly [Bytes, Bytes, Bytes, Bytes],
  key: readonly [Bytes, Bytes],
  lane: Expression,
): Expression {
  const uniforms = philoxBytes(writer, counter, key).map(
    ([, low, middle, high]) => `((${high} * 65536 + ${middle} * 256 + ${low}) / 16777216)`,
  );
  return uniforms.reduceRight((later, own, word) => `(${lane} === ${word} ? ${own} : ${later})`);
}

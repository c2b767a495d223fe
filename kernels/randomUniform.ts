import { countElements, elementCount, type Shape } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Expression, GpuKernelWriter } from '../src/graph/gpuRule.js';
import { divideIndex, flattenIndex, moduloIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import type { OnnxEmitter } from '../src/graph/onnxEmitter.js';
import { apply, defineOp } from '../src/graph/op.js';
import {
  philox,
  PHILOX_KEY_INCREMENTS,
  PHILOX_MULTIPLIERS,
  PHILOX_ROUNDS,
  wordToUniform,
} from '../src/random/philox.js';
import { requireDType, requireEqualDims } from '../src/graph/shapes.js';

type RandomAttributes = { readonly shape: Shape };

const WORD = 0x100000000n;
/** The key's four words in halves of 16 bits. */
const KEY_HALVES = 8;

const randomUniformOp = defineOp<RandomAttributes>({
  name: 'randomUniform',
  infer([key], { shape }) {
    requireDType([key!], 'i32');
    requireEqualDims(key!.shape[0] ?? 0, KEY_HALVES, `the length of the key and ${KEY_HALVES}`);
    return [{ dtype: 'f32', shape }];
  },
  reference([key], _, [output]) {
    const result = zeros('f32', output!.shape);
    const [k0, k1, c2, c3] = [0, 2, 4, 6].map(
      (half) => (key!.data[half]! | (key!.data[half + 1]! << 16)) >>> 0,
    ) as [number, number, number, number];
    for (let block = 0; block * 4 < result.data.length; block++) {
      const uniforms = philox([block, 0, c2, c3], [k0, k1]).map(wordToUniform);
      result.data.set(uniforms.slice(0, result.data.length - block * 4), block * 4);
    }
    return [result];
  },
  onnx(emitter, { inputs: [key], attributes: { shape } }) {
    const words = philoxWords(emitter, key!, blockIndices(emitter, shape));
    const columns = words.map((word) => emitter.node('Unsqueeze', [word, int64(emitter, [1])]));
    const interleaved = emitter.node('Reshape', [
      emitter.node('Concat', columns, { axis: { int: 1 } }),
      int64(emitter, [-1]),
    ]);
    const upper = emitter.node('BitShift', [emitter.cast(interleaved, 'uint64'), uint64(emitter, 8n)], {
      direction: { string: 'RIGHT' },
    });
    const uniform = emitter.node('Mul', [
      emitter.cast(upper, 'float'),
      emitter.constant({ type: 'float', values: [2 ** -24] }, []),
    ]);
    const wanted = emitter.node('Slice', [
      uniform,
      int64(emitter, [0]),
      emitter.shape([elementCount(shape)]),
    ]);
    return [emitter.node('Reshape', [wanted, emitter.shape(shape)], { allowzero: { int: 1 } })];
  },
  gpu: {
    kind: 'kernel',
    heavy: false,
    compute: (writer, indices, { outputTypes: [output] }) =>
      indices.map((index) => {
        const place = writer.temporary(flattenIndex(index, output!.shape));
        const block = writer.temporary(divideIndex(place, 4));
        const [k0, k1, c2, c3] = [0, 2, 4, 6].map((half) => wordBytes(writer, half));
        const counter = [unsignedBytes(writer, block), ZERO_BYTES, c2!, c3!] as const;
        const words = philoxBytes(writer, counter, [k0!, k1!]);
        const uniforms = words.map(
          ([, low, middle, high]) => `((${high} * 65536 + ${middle} * 256 + ${low}) / 16777216)`,
        );
        const lane = writer.temporary(moduloIndex(place, 4));
        return uniforms.reduceRight((later, own, word) => `(${lane} === ${word} ? ${own} : ${later})`);
      }),
  },
  flops: (_, [output]) => 25 * countElements(output!.shape),
});

function int64(emitter: OnnxEmitter, values: readonly (number | bigint)[]): string {
  return emitter.constant({ type: 'int64', values }, [values.length]);
}

function uint64(emitter: OnnxEmitter, value: bigint): string {
  return emitter.constant({ type: 'uint64', values: [value] }, []);
}

/** int64 `[⌈elements/4⌉]`: 0, 1, 2, … */
function blockIndices(emitter: OnnxEmitter, shape: Shape): string {
  const count = emitter.node('Add', [emitter.shape([elementCount(shape)]), int64(emitter, [3])]);
  const blocks = emitter.node('Div', [count, int64(emitter, [4])]);
  const scalar = (value: number) => emitter.constant({ type: 'int64', values: [value] }, []);
  return emitter.node('Range', [scalar(0), emitter.node('Reshape', [blocks, int64(emitter, [])]), scalar(1)]);
}

/** The four words of each block as int64 values below 2³²; 64-bit products wrap but keep the bits that count. */
function philoxWords(emitter: OnnxEmitter, key: string, blocks: string): readonly string[] {
  const low = (value: string) =>
    emitter.node('BitwiseAnd', [value, emitter.constant({ type: 'int64', values: [WORD - 1n] }, [])]);
  const high = (value: string) => {
    const shifted = emitter.node('BitShift', [emitter.cast(value, 'uint64'), uint64(emitter, 32n)], {
      direction: { string: 'RIGHT' },
    });
    return emitter.cast(shifted, 'int64');
  };
  const xor = (a: string, b: string) => emitter.node('BitwiseXor', [a, b]);
  const half = (index: number) =>
    emitter.cast(emitter.node('Slice', [key, int64(emitter, [index]), int64(emitter, [index + 1])]), 'int64');
  const word = (index: number) =>
    emitter.node('Add', [
      half(2 * index),
      emitter.node('Mul', [half(2 * index + 1), int64(emitter, [0x10000])]),
    ]);
  const spread = (value: string) => emitter.node('Expand', [value, emitter.node('Shape', [blocks])]);
  let counter = [blocks, spread(int64(emitter, [0])), spread(word(2)), spread(word(3))] as const;
  let keys = [word(0), word(1)] as const;
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

/** A 32-bit word as four bytes, lowest first: floats hold their products exactly. */
type Bytes = readonly [Expression, Expression, Expression, Expression];

const ZERO_BYTES: Bytes = ['0', '0', '0', '0'];

function unsignedBytes(writer: GpuKernelWriter, value: Expression): Bytes {
  const shifted = [0, 8, 16, 24].map((bits) => writer.temporary(divideIndex(value, 2 ** bits)));
  return shifted.map((part) => writer.temporary(moduloIndex(part, 256))) as unknown as Bytes;
}

/** Bytes of the word of the key whose lower half is at that place. */
function wordBytes(writer: GpuKernelWriter, lowerHalf: number): Bytes {
  return [lowerHalf, lowerHalf + 1].flatMap((place) => {
    const half = writer.temporary(writer.read(0, [String(place)]));
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
 * Independent numbers in [0, 1), multiples of 2⁻²⁴, from Philox 4×32-10: element e is word e mod 4 of counter
 * (⌊e/4⌋, 0, w₂, w₃) under key (w₀, w₁). Equal keys give equal numbers on every target.
 * @param key i32 `[8]`: the halves (`wordHalves`, 0 to 2¹⁶ − 1 each, since GPU targets compute in float32) of four words:
 *   w₀ and w₁ are the seed's, w₂ and w₃ tell the draws of one seed apart
 */
export function randomUniform(key: Tensor, shape: Shape): Tensor {
  return apply(randomUniformOp, [key], { shape });
}

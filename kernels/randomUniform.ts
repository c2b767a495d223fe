import { countElements, elementCount, type Shape } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import type { OnnxEmitter } from '../src/graph/onnxEmitter.js';
import { apply, defineOp } from '../src/graph/op.js';
import {
  philox,
  PHILOX_KEY_INCREMENTS,
  PHILOX_MULTIPLIERS,
  PHILOX_ROUNDS,
  wordToUniform,
} from '../src/graph/philox.js';
import { requireDType, requireEqualDims } from '../src/graph/shapes.js';

type RandomAttributes = { readonly shape: Shape };

const WORD = 0x100000000n;

const randomUniformOp = defineOp<RandomAttributes>({
  name: 'randomUniform',
  infer([key], { shape }) {
    requireDType([key!], 'i32');
    requireEqualDims(key!.shape[0] ?? 0, 4, 'the length of the key and 4');
    return [{ dtype: 'f32', shape }];
  },
  reference([key], _, [output]) {
    const result = zeros('f32', output!.shape);
    const [k0, k1, c2, c3] = Array.from(key!.data, (word) => word >>> 0) as [number, number, number, number];
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
  const word = (index: number) =>
    low(
      emitter.cast(
        emitter.node('Slice', [key, int64(emitter, [index]), int64(emitter, [index + 1])]),
        'int64',
      ),
    );
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

/**
 * Independent numbers in [0, 1), multiples of 2⁻²⁴, from Philox 4×32-10: element e is word e mod 4 of counter
 * (⌊e/4⌋, 0, key[2], key[3]) under key (key[0], key[1]). Equal keys give equal numbers on every target.
 * @param key i32 `[4]`: the seed's two words and two words that tell the draws of one seed apart
 */
export function randomUniform(key: Tensor, shape: Shape): Tensor {
  return apply(randomUniformOp, [key], { shape });
}

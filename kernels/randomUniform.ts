import { countElements, type Dim, elementCount, type Shape } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import { addIndex, divideIndex, flattenIndex, moduloIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import type { OnnxEmitter } from '../src/graph/onnxEmitter.js';
import { apply, defineOp } from '../src/graph/op.js';
import { philox, wordToUniform } from '../src/random/philox.js';
import { requireDType, requireEqualDims } from '../src/graph/shapes.js';
import {
  gpuUniform,
  int64,
  onnxPhilox,
  onnxUniform,
  onnxWord,
  unsignedBytes,
  wordAt,
  wordBytes,
  ZERO_BYTES,
} from './families/philoxWords.js';

type RandomAttributes = { readonly shape: Shape; readonly skipped: Dim };

/** The key's four words in halves of 16 bits. */
const KEY_HALVES = 8;

const randomUniformOp = defineOp<RandomAttributes>({
  name: 'randomUniform',
  infer([key], { shape }) {
    requireDType([key!], 'i32');
    requireEqualDims(key!.shape[0] ?? 0, KEY_HALVES, `the length of the key and ${KEY_HALVES}`);
    return [{ dtype: 'f32', shape }];
  },
  reference([key], { skipped }, [output]) {
    const result = zeros('f32', output!.shape);
    const first = Number(skipped);
    const [k0, k1, c2, c3] = [0, 2, 4, 6].map((half) => wordAt(key!.data, half)) as [
      number,
      number,
      number,
      number,
    ];
    let known: { readonly block: number; readonly words: readonly number[] } | undefined;
    for (let element = 0; element < result.data.length; element++) {
      const block = Math.floor((first + element) / 4);
      if (known?.block !== block) known = { block, words: philox([block, 0, c2, c3], [k0, k1]) };
      result.data[element] = wordToUniform(known.words[(first + element) % 4]!);
    }
    return [result];
  },
  onnx(emitter, { inputs: [key], attributes: { shape, skipped } }) {
    const { blocks, start } = blockIndices(emitter, shape, skipped);
    const spread = (value: string) => emitter.node('Expand', [value, emitter.node('Shape', [blocks])]);
    const [k0, k1, c2, c3] = [0, 2, 4, 6].map((half) => onnxWord(emitter, key!, half));
    const counter = [blocks, spread(int64(emitter, [0])), spread(c2!), spread(c3!)] as const;
    const columns = onnxPhilox(emitter, counter, [k0!, k1!]).map((word) =>
      emitter.node('Unsqueeze', [word, int64(emitter, [1])]),
    );
    const interleaved = emitter.node('Reshape', [
      emitter.node('Concat', columns, { axis: { int: 1 } }),
      int64(emitter, [-1]),
    ]);
    const wanted = emitter.node('Slice', [
      onnxUniform(emitter, interleaved),
      start,
      emitter.node('Add', [start, emitter.shape([elementCount(shape)])]),
    ]);
    return [emitter.node('Reshape', [wanted, emitter.shape(shape)], { allowzero: { int: 1 } })];
  },
  gpu: {
    kind: 'kernel',
    heavy: false,
    compute: (writer, indices, { attributes: { skipped }, outputTypes: [output] }) =>
      indices.map((index) => {
        const { shape } = output!;
        // Counted as if those that are skipped were there, too.
        const whole = [countElements(shape) + Number(skipped)];
        const own = addIndex(flattenIndex(index, shape), Number(skipped));
        const place = writer.temporary(flattenIndex([own], whole));
        const block = writer.temporary(divideIndex(place, 4));
        const [k0, k1, c2, c3] = [0, 2, 4, 6].map((start) =>
          wordBytes(writer, (half) => writer.read(0, [String(start + half)])),
        );
        const counter = [unsignedBytes(writer, block), ZERO_BYTES, c2!, c3!] as const;
        return gpuUniform(writer, counter, [k0!, k1!], writer.temporary(moduloIndex(place, 4)));
      }),
  },
  flops: (_, [output]) => 25 * countElements(output!.shape),
});

/** The counters of all elements, int64 `[blocks]`, and the place of the first element among their words, int64 `[1]`. */
function blockIndices(
  emitter: OnnxEmitter,
  shape: Shape,
  skipped: Dim,
): { readonly blocks: string; readonly start: string } {
  const four = int64(emitter, [4]);
  const scalar = (value: number) => emitter.constant({ type: 'int64', values: [value] }, []);
  const firstBlock = skipped === 0 ? undefined : emitter.node('Div', [emitter.shape([skipped]), four]);
  const start = firstBlock
    ? emitter.node('Sub', [emitter.shape([skipped]), emitter.node('Mul', [firstBlock, four])])
    : int64(emitter, [0]);
  const elements = emitter.node('Add', [start, emitter.shape([elementCount(shape)])]);
  const count = emitter.node('Div', [emitter.node('Add', [elements, int64(emitter, [3])]), four]);
  const end = emitter.node('Reshape', [count, int64(emitter, [])]);
  const blocks = emitter.node('Range', [scalar(0), end, scalar(1)]);
  return { blocks: firstBlock ? emitter.node('Add', [blocks, firstBlock]) : blocks, start };
}

/**
 * Independent numbers in [0, 1), multiples of 2⁻²⁴, from Philox 4×32-10: element e, counted with those that are skipped, is word e mod 4 of counter
 * (⌊e/4⌋, 0, w₂, w₃) under key (w₀, w₁). Equal keys give equal numbers on every target.
 * @param key i32 `[8]`: the halves (`wordHalves`, 0 to 2¹⁶ − 1 each, since GPU targets compute in float32) of four words:
 *   w₀ and w₁ are the seed's, w₂ and w₃ tell the draws of one seed apart
 * @param skipped elements before the first: where the shape is a part of a larger one, the part's numbers are the whole's
 */
export function randomUniform(key: Tensor, shape: Shape, skipped: Dim = 0): Tensor {
  return apply(randomUniformOp, [key], { shape, skipped });
}

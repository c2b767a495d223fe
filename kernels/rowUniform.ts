import { countElements, type Dim } from '../src/graph/dimension.js';
import { divideIndex, moduloIndex } from '../src/graph/indexExpression.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { philox, wordToUniform } from '../src/random/philox.js';
import {
  gpuUniform,
  int64,
  onnxPhilox,
  onnxUniform,
  onnxWord,
  unsignedBytes,
  wordAt,
  wordBytes,
} from './families/philoxWords.js';

type RowAttributes = { readonly width: number };

/** Words of the key and of a row's place, in halves of 16 bits. */
const KEY_HALVES = 6;
const PLACE_HALVES = 4;

const rowUniformOp = defineOp<RowAttributes>({
  name: 'rowUniform',
  infer([key, places], { width }) {
    requireDType([key!, places!], 'i32');
    requireRank(key!, 1, 'the key');
    requireRank(places!, 2, 'the places');
    requireEqualDims(key!.shape[0]!, KEY_HALVES, `the length of the key and ${KEY_HALVES}`);
    requireEqualDims(places!.shape[1]!, PLACE_HALVES, `the length of a place and ${PLACE_HALVES}`);
    return [{ dtype: 'f32', shape: [places!.shape[0] as Dim, width] }];
  },
  reference([key, places], { width }, [output]) {
    const result = zeros('f32', output!.shape);
    const [k0, k1, c3] = [0, 2, 4].map((half) => wordAt(key!.data, half)) as [number, number, number];
    for (let row = 0; row < output!.shape[0]!; row++) {
      const [c1, c2] = [0, 2].map((half) => wordAt(places!.data, row * PLACE_HALVES + half)) as [
        number,
        number,
      ];
      for (let start = 0; start < width; start += 4) {
        const uniforms = philox([start / 4, c1, c2, c3], [k0, k1]).map(wordToUniform);
        result.data.set(uniforms.slice(0, width - start), row * width + start);
      }
    }
    return [result];
  },
  onnx(emitter, { inputs: [key, places], attributes: { width }, outputTypes: [output] }) {
    const blocks = Math.ceil(width / 4);
    const [k0, k1, c3] = [0, 2, 4].map((half) => onnxWord(emitter, key!, half));
    const [c1, c2] = [0, 2].map((half) => onnxWord(emitter, places!, half));
    const indices = emitter.constant(
      { type: 'int64', values: Array.from({ length: blocks }, (_, block) => block) },
      [1, blocks],
    );
    const rows = emitter.shape([output!.shape[0]!, blocks]);
    const counter = [indices, c1!, c2!, c3!].map((word) => emitter.node('Expand', [word, rows]));
    const columns = onnxPhilox(emitter, counter as [string, string, string, string], [k0!, k1!]).map((word) =>
      emitter.node('Unsqueeze', [word, int64(emitter, [2])]),
    );
    const interleaved = emitter.node(
      'Reshape',
      [emitter.node('Concat', columns, { axis: { int: 2 } }), emitter.shape([output!.shape[0]!, 4 * blocks])],
      { allowzero: { int: 1 } },
    );
    const uniforms = onnxUniform(emitter, interleaved);
    return [
      emitter.node('Slice', [uniforms, int64(emitter, [0]), int64(emitter, [width]), int64(emitter, [1])]),
    ];
  },
  gpu: {
    kind: 'kernel',
    heavy: false,
    compute: (writer, indices) =>
      indices.map(([row, element]) => {
        const block = writer.temporary(divideIndex(element!, 4));
        const [k0, k1, c3] = [0, 2, 4].map((start) =>
          wordBytes(writer, (half) => writer.read(0, [String(start + half)])),
        );
        const [c1, c2] = [0, 2].map((start) =>
          wordBytes(writer, (half) => writer.read(1, [row!, String(start + half)])),
        );
        const counter = [unsignedBytes(writer, block), c1!, c2!, c3!] as const;
        return gpuUniform(writer, counter, [k0!, k1!], writer.temporary(moduloIndex(element!, 4)));
      }),
  },
  flops: (_, [output]) => 25 * countElements(output!.shape),
});

/**
 * Independent numbers in [0, 1), multiples of 2⁻²⁴, in rows that depend on nothing but the key and their own place, from
 * Philox 4×32-10: element e of a row is word e mod 4 of counter (⌊e/4⌋, p₀, p₁, w₂) under key (w₀, w₁).
 * @param key i32 `[6]`: the halves (`wordHalves`) of the words w₀ and w₁, which are the seed's, and w₂, which tells the draws
 *   of one seed apart
 * @param places i32 `[rows, 4]`: the halves of the words p₀ and p₁ of each row
 * @returns `[rows, width]`
 */
export function rowUniform(key: Tensor, places: Tensor, width: number): Tensor {
  return apply(rowUniformOp, [key, places], { width });
}

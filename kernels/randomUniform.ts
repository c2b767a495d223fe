import { countElements, elementCount, type Shape } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import { divideIndex, flattenIndex, moduloIndex } from '../src/graph/indexExpression.js';
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

type RandomAttributes = { readonly shape: Shape };

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
    const [k0, k1, c2, c3] = [0, 2, 4, 6].map((half) => wordAt(key!.data, half)) as [
      number,
      number,
      number,
      number,
    ];
    for (let block = 0; block * 4 < result.data.length; block++) {
      const uniforms = philox([block, 0, c2, c3], [k0, k1]).map(wordToUniform);
      result.data.set(uniforms.slice(0, result.data.length - block * 4), block * 4);
    }
    return [result];
  },
  onnx(emitter, { inputs: [key], attributes: { shape } }) {
    const blocks = blockIndices(emitter, shape);
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
        const [k0, k1, c2, c3] = [0, 2, 4, 6].map((start) =>
          wordBytes(writer, (half) => writer.read(0, [String(start + half)])),
        );
        const counter = [unsignedBytes(writer, block), ZERO_BYTES, c2!, c3!] as const;
        return gpuUniform(writer, counter, [k0!, k1!], writer.temporary(moduloIndex(place, 4)));
      }),
  },
  flops: (_, [output]) => 25 * countElements(output!.shape),
});

/** int64 `[⌈elements/4⌉]`: 0, 1, 2, … */
function blockIndices(emitter: OnnxEmitter, shape: Shape): string {
  const count = emitter.node('Add', [emitter.shape([elementCount(shape)]), int64(emitter, [3])]);
  const blocks = emitter.node('Div', [count, int64(emitter, [4])]);
  const scalar = (value: number) => emitter.constant({ type: 'int64', values: [value] }, []);
  return emitter.node('Range', [scalar(0), emitter.node('Reshape', [blocks, int64(emitter, [])]), scalar(1)]);
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

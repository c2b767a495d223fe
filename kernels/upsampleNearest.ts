import { multiplyDims } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import { divideIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireRank } from '../src/graph/shapes.js';

type UpsampleAttributes = { readonly factor: number };

const upsampleNearestOp = defineOp<UpsampleAttributes>({
  name: 'upsampleNearest',
  pixelRepeats: ({ factor }) => factor,
  infer([x], { factor }) {
    requireDType([x!], 'f32');
    requireRank(x!, 4, 'the input');
    const [batch, channels, height, width] = x!.shape;
    return [
      {
        dtype: 'f32',
        shape: [batch!, channels!, multiplyDims(height!, factor), multiplyDims(width!, factor)],
      },
    ];
  },
  reference([x], { factor }, [output]) {
    const result = zeros('f32', output!.shape);
    const [height, width] = output!.shape.slice(2) as [number, number];
    for (let at = 0; at < result.data.length; at++) {
      const [plane, pixel] = [Math.floor(at / (height * width)), at % (height * width)];
      const [row, column] = [Math.floor(pixel / width / factor), Math.floor((pixel % width) / factor)];
      result.data[at] = x!.data[(plane * (height / factor) + row) * (width / factor) + column]!;
    }
    return [result];
  },
  onnx(emitter, { inputs, attributes: { factor } }) {
    const scales = emitter.constant({ type: 'float', values: [1, 1, factor, factor] }, [4]);
    const nearest = {
      mode: { string: 'nearest' },
      coordinate_transformation_mode: { string: 'asymmetric' },
      nearest_mode: { string: 'floor' },
    };
    return [emitter.node('Resize', [inputs[0]!, '', scales], nearest)];
  },
  gradient([gradient], { inputs: [x], attributes: { factor }, ops }) {
    const [batch, channels, height, width] = x!.shape;
    const blocks = ops.reshape(gradient!, [batch!, channels!, height!, factor, width!, factor]);
    return [ops.sum(blocks, { axes: [3, 5] })];
  },
  gpu: {
    kind: 'view',
    element: (reader, [batch, channel, row, column], { attributes: { factor } }) =>
      reader.read(0, [
        batch!,
        channel!,
        reader.temporary(divideIndex(row!, factor)),
        reader.temporary(divideIndex(column!, factor)),
      ]),
  },
  flops: () => 0,
});

/** Each pixel of `[batch, channels, height, width]` repeated `factor` times along both image axes. */
export function upsampleNearest(x: Tensor, factor: number): Tensor {
  return apply(upsampleNearestOp, [x], { factor });
}

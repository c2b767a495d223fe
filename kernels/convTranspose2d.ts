import { countElements, type Dim, multiplyDims, subtractDims } from '../src/graph/dimension.js';
import { addIndex, divideIndex, multiplyIndex, unflattenIndex } from '../src/graph/indexExpression.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { sumOfProducts } from './families/sumOfProducts.js';

type ConvTranspose2dAttributes = {
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  readonly height: Dim;
  readonly width: Dim;
};

const convTranspose2dOp = defineOp<ConvTranspose2dAttributes>({
  name: 'convTranspose2d',
  infer([x, weight], { height, width }) {
    requireDType([x!, weight!], 'f32');
    requireRank(x!, 4, 'the input');
    requireRank(weight!, 4, 'the weight');
    requireEqualDims(x!.shape[1]!, weight!.shape[0]!, 'the channels of input and weight');
    return [{ dtype: 'f32', shape: [x!.shape[0]!, weight!.shape[1]!, height, width] }];
  },
  reference([x, weight], { stride, top, left }, [output]) {
    const result = zeros('f32', output!.shape);
    const [batch, channels, rows, columns] = x!.shape as [number, number, number, number];
    const [, outputChannels, height, width] = output!.shape as [number, number, number, number];
    const [kernelHeight, kernelWidth] = weight!.shape.slice(2) as [number, number];
    for (let at = 0; at < batch * channels * rows * columns; at++) {
      const [row, column] = [Math.floor(at / columns) % rows, at % columns];
      const plane = Math.floor(at / (rows * columns));
      const [image, channel] = [Math.floor(plane / channels), plane % channels];
      for (let target = 0; target < outputChannels; target++) {
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const [y, z] = [row * stride + i - top, column * stride + j - left];
            if (y < 0 || y >= height || z < 0 || z >= width) continue;
            const factor =
              weight!.data[((channel * outputChannels + target) * kernelHeight + i) * kernelWidth + j]!;
            result.data[((image * outputChannels + target) * height + y) * width + z]! +=
              x!.data[at]! * factor;
          }
        }
      }
    }
    return [result];
  },
  onnx(emitter, { inputs, inputTypes: [x, weight], attributes: { stride, top, left, height, width } }) {
    // What is cut off at the end, or added there, is what the wanted size leaves.
    const ends = [height, width].map((size, axis) => {
      const reach = multiplyDims(subtractDims(x!.shape[2 + axis]!, 1), stride);
      return (
        Number(subtractDims(subtractDims(size, reach), weight!.shape[2 + axis]!)) + (axis === 0 ? top : left)
      );
    });
    return [
      emitter.node('ConvTranspose', inputs, {
        strides: { ints: [stride, stride] },
        pads: { ints: [top, left, ...ends.map((end) => Math.max(-end, 0))] },
        output_padding: { ints: ends.map((end) => Math.max(end, 0)) },
      }),
    ];
  },
  gpu: {
    kind: 'kernel',
    heavy: true,
    sharedAxis: () => 1,
    compute(writer, indices, { inputTypes: [x, weight], attributes: { stride, top, left } }) {
      const [, channels, rows, columns] = x!.shape as [number, number, number, number];
      const kernel = weight!.shape.slice(2);
      return sumOfProducts(
        writer,
        channels * countElements(kernel),
        indices,
        ([image, target, y, z], term) => {
          const [channel, i, j] = unflattenIndex(term, [channels, ...kernel], writer.temporary) as [
            string,
            string,
            string,
          ];
          const place = (output: string, start: number, step: string, size: number) => {
            const distance = writer.temporary(`(${addIndex(output, start)} - ${step})`);
            const at = writer.temporary(divideIndex(`Math.max(0, ${distance})`, stride));
            const hits = `${distance} >= 0 && ${multiplyIndex(at, stride)} === ${distance} && ${at} < ${size}`;
            return { hits, at: writer.temporary(`Math.min(${at}, ${size - 1})`) };
          };
          const row = place(y!, top, i, rows);
          const column = place(z!, left, j, columns);
          const pixel = writer.read(0, [image!, channel, row.at, column.at]);
          return [
            `(${row.hits} && ${column.hits} ? ${pixel} : 0.0)`,
            writer.read(1, [channel, target!, i, j]),
          ];
        },
      );
    },
  },
  gradient([gradient], { inputs: [x, weight], attributes: { stride, top, left, height, width }, ops }) {
    const [, , rows, columns] = x!.shape;
    const [, , kernelHeight, kernelWidth] = weight!.shape;
    const end = (size: Dim, count: Dim, kernelSize: Dim, start: number) =>
      Number(subtractDims(multiplyDims(subtractDims(count, 1), stride), subtractDims(size, kernelSize))) -
      start;
    const padding = {
      top,
      left,
      bottom: Math.max(0, end(height, rows!, kernelHeight!, top)),
      right: Math.max(0, end(width, columns!, kernelWidth!, left)),
    };
    const trim = (tensor: Tensor, axis: number, length: Dim) => ops.slice(tensor, { axis, start: 0, length });
    const convolved = ops.conv2d(gradient!, weight!, { stride, padding });
    const byInput = trim(trim(convolved, 2, rows!), 3, columns!);
    const swapped = (tensor: Tensor) => ops.transpose(tensor, [1, 0, 2, 3]);
    const full = ops.conv2d(swapped(gradient!), swapped(x!), { dilation: stride, padding });
    return [byInput, swapped(trim(trim(full, 2, kernelHeight!), 3, kernelWidth!))];
  },
  flops: ([x, weight]) => 2 * countElements(x!.shape) * countElements(weight!.shape.slice(1)),
});

export interface ConvTranspose2dOptions {
  /** Pixels of the result between neighbouring inputs. */
  readonly stride: number;
  /** Rows of the full result that are cut off above. */
  readonly top: number;
  /** Columns of the full result that are cut off on the left. */
  readonly left: number;
  /** Rows of the result; what the inputs do not reach is 0. */
  readonly height: Dim;
  readonly width: Dim;
}

/**
 * The transpose of a convolution: each input adds the kernel, scaled, to the result; the gradient of `conv2d` by its
 * input.
 * @param x `[batch, channels, rows, columns]`
 * @param weight `[channels, outputChannels, kernelHeight, kernelWidth]`
 * @returns `[batch, outputChannels, height, width]`
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTranspose2dOptions): Tensor {
  const { stride, top, left, height, width } = options;
  return apply(convTranspose2dOp, [x, weight], { stride, top, left, height, width });
}

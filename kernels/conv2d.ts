import { addDims, countElements, type Dim, floorDivideDim } from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import { addIndex, multiplyIndex, unflattenIndex } from '../src/graph/indexExpression.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { sumOfProducts } from './families/sumOfProducts.js';

/** Pixels added around an image. */
export interface Padding2d {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

type Conv2dAttributes = {
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
};

function outputSize(size: Dim, padding: number, kernel: Dim, stride: number): Dim {
  return addDims(floorDivideDim(addDims(size, padding - Number(kernel)), stride), 1);
}

const conv2dOp = defineOp<Conv2dAttributes>({
  name: 'conv2d',
  infer([x, weight, bias], { stride, top, left, bottom, right }) {
    requireDType(bias ? [x!, weight!, bias] : [x!, weight!], 'f32');
    requireRank(x!, 4, 'the input');
    requireRank(weight!, 4, 'the weight');
    const [batch, channels, height, width] = x!.shape;
    const [outputChannels, inputChannels, kernelHeight, kernelWidth] = weight!.shape;
    requireEqualDims(channels!, inputChannels!, 'the channels of input and weight');
    if (bias) requireEqualDims(bias.shape[0]!, outputChannels!, 'the output channels of weight and bias');
    const outputHeight = outputSize(height!, top + bottom, kernelHeight!, stride);
    const outputWidth = outputSize(width!, left + right, kernelWidth!, stride);
    if ([outputHeight, outputWidth].some((size) => typeof size === 'number' && size < 0))
      throw new RangeError('the kernel is larger than the padded image');
    return [{ dtype: 'f32', shape: [batch!, outputChannels!, outputHeight, outputWidth] }];
  },
  reference([x, weight, bias], { stride, top, left }, [output]) {
    const result = zeros('f32', output!.shape);
    const [batch, outputChannels, outputHeight, outputWidth] = output!.shape as [
      number,
      number,
      number,
      number,
    ];
    const [, channels, height, width] = x!.shape as [number, number, number, number];
    const [kernelHeight, kernelWidth] = weight!.shape.slice(2) as [number, number];
    let at = 0;
    for (let image = 0; image < batch; image++) {
      for (let channel = 0; channel < outputChannels; channel++) {
        for (let row = 0; row < outputHeight; row++) {
          for (let column = 0; column < outputWidth; column++) {
            let sum = bias ? bias.data[channel]! : 0;
            for (let source = 0; source < channels; source++) {
              for (let i = 0; i < kernelHeight; i++) {
                const y = row * stride + i - top;
                if (y < 0 || y >= height) continue;
                for (let j = 0; j < kernelWidth; j++) {
                  const z = column * stride + j - left;
                  if (z < 0 || z >= width) continue;
                  sum +=
                    x!.data[((image * channels + source) * height + y) * width + z]! *
                    weight!.data[((channel * channels + source) * kernelHeight + i) * kernelWidth + j]!;
                }
              }
            }
            result.data[at++] = sum;
          }
        }
      }
    }
    return [result];
  },
  onnx: (emitter, { inputs, attributes: { stride, top, left, bottom, right } }) => [
    emitter.node('Conv', inputs, {
      strides: { ints: [stride, stride] },
      pads: { ints: [top, left, bottom, right] },
    }),
  ],
  gpu: {
    kind: 'kernel',
    heavy: true,
    sharedAxis: () => 1,
    compute(
      writer,
      indices,
      { inputTypes: [x, weight, bias], attributes: { stride, top, left, bottom, right } },
    ) {
      const [, channels, height, width] = x!.shape as [number, number, number, number];
      const kernel = weight!.shape.slice(2);
      const padded = top + left + bottom + right > 0;
      const sums = sumOfProducts(
        writer,
        channels * countElements(kernel),
        indices,
        ([image, channel, row, column], term) => {
          const [source, i, j] = unflattenIndex(term, [channels, ...kernel], writer.temporary) as [
            string,
            string,
            string,
          ];
          const y = writer.temporary(addIndex(addIndex(multiplyIndex(row!, stride), i), -top));
          const z = writer.temporary(addIndex(addIndex(multiplyIndex(column!, stride), j), -left));
          const clamp = (place: string, size: number) =>
            writer.temporary(`Math.max(0, Math.min(${size - 1}, ${place}))`);
          const pixel = padded
            ? `(${y} >= 0 && ${y} < ${height} && ${z} >= 0 && ${z} < ${width} ? ${writer.read(0, [image!, source, clamp(y, height), clamp(z, width)])} : 0.0)`
            : writer.read(0, [image!, source, y, z]);
          return [pixel, writer.read(1, [channel!, source, i, j])];
        },
      );
      return sums.map((sum, lane) => (bias ? `(${sum} + ${writer.read(2, [indices[lane]![1]!])})` : sum));
    },
  },
  flops: ([, weight], [output]) => 2 * countElements(output!.shape) * countElements(weight!.shape.slice(1)),
});

export interface Conv2dOptions {
  /** `[outputChannels]` */
  readonly bias?: Tensor;
  /** Pixels between neighbouring outputs (default 1). */
  readonly stride?: number;
  /** Zeros around the image: one number for all sides, or each side's (default 0). */
  readonly padding?: number | Padding2d;
}

/**
 * Two-dimensional cross-correlation.
 * @param x `[batch, channels, height, width]`
 * @param weight `[outputChannels, channels, kernelHeight, kernelWidth]`
 * @returns `[batch, outputChannels, outputHeight, outputWidth]`
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  { bias, stride = 1, padding = 0 }: Conv2dOptions = {},
): Tensor {
  const { top, left, bottom, right } =
    typeof padding === 'number' ? { top: padding, left: padding, bottom: padding, right: padding } : padding;
  return apply(conv2dOp, bias ? [x, weight, bias] : [x, weight], { stride, top, left, bottom, right });
}

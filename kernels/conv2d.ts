import {
  addDims,
  countElements,
  type Dim,
  floorDivideDim,
  multiplyDims,
  subtractDims,
} from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { GradientOperations } from '../src/graph/gradientRule.js';
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
  readonly dilation: number;
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
};

function outputSize(size: Dim, padding: number, kernel: Dim, stride: number, dilation: number): Dim {
  const reach = addDims(multiplyDims(subtractDims(kernel, 1), dilation), 1);
  return addDims(floorDivideDim(subtractDims(addDims(size, padding), reach), stride), 1);
}

/** A convolution that is differentiated. */
interface GradientCall {
  readonly gradient: Tensor;
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly stride: number;
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
  readonly ops: GradientOperations;
}

function inputGradient({ gradient, x, weight, stride, top, left, ops }: GradientCall): Tensor {
  const [, , height, width] = x.shape;
  return ops.convTranspose2d(gradient, weight, { stride, top, left, height: height!, width: width! });
}

/** Each weight is a sum over images and places: a convolution of the images with the gradient, channels by images. */
function weightGradient({
  gradient,
  x,
  weight,
  stride,
  top,
  left,
  bottom,
  right,
  ops,
}: GradientCall): Tensor {
  const [, , kernelHeight, kernelWidth] = weight.shape;
  const swapped = (tensor: Tensor) => ops.transpose(tensor, [1, 0, 2, 3]);
  const padding = { top, left, bottom, right };
  const full = ops.conv2d(swapped(x), swapped(gradient), { dilation: stride, padding });
  const rows = ops.slice(full, { axis: 2, start: 0, length: kernelHeight! });
  return swapped(ops.slice(rows, { axis: 3, start: 0, length: kernelWidth! }));
}

/** A convolution with the turned kernel, which engines run faster than a transposed convolution. */
function inputGradientOfStrideOne(call: GradientCall): Tensor {
  const { gradient, weight, top, left, bottom, right, ops } = call;
  const [kernelHeight, kernelWidth] = weight.shape.slice(2) as [number, number];
  const padding = {
    top: kernelHeight - 1 - top,
    left: kernelWidth - 1 - left,
    bottom: kernelHeight - 1 - bottom,
    right: kernelWidth - 1 - right,
  };
  if (Object.values(padding).some((pixels) => pixels < 0)) return inputGradient(call);
  const reversed = (tensor: Tensor, axis: number, length: number) =>
    ops.concat(
      Array.from({ length }, (_, index) => ops.slice(tensor, { axis, start: length - 1 - index, length: 1 })),
      axis,
    );
  const turned = reversed(reversed(weight, 2, kernelHeight), 3, kernelWidth);
  return ops.conv2d(gradient, ops.transpose(turned, [1, 0, 2, 3]), { padding });
}

/** For each place of the kernel one matrix product of the gradient with the image shifted there. */
function weightGradientOfStrideOne({ gradient, x, weight, ...call }: GradientCall): Tensor {
  const { top, left, bottom, right, ops } = call;
  const [batch, outputChannels, height, width] = gradient.shape as [Dim, number, Dim, Dim];
  const [, channels, kernelHeight, kernelWidth] = weight.shape as readonly number[] as [
    number,
    number,
    number,
    number,
  ];
  const padded = top + left + bottom + right > 0 ? ops.pad(x, [0, 0, top, left], [0, 0, bottom, right]) : x;
  const places = multiplyDims(height, width);
  const rows = ops.reshape(gradient, [batch, outputChannels, places]);
  const products = Array.from({ length: kernelHeight * kernelWidth }, (_, place) => {
    const start = [Math.floor(place / kernelWidth), place % kernelWidth] as const;
    const band = ops.slice(padded, { axis: 2, start: start[0], length: height });
    const shifted = ops.slice(band, { axis: 3, start: start[1], length: width });
    const columns = ops.reshape(shifted, [batch, channels, places]);
    const product = ops.sum(ops.matmul(rows, columns, { transposeRight: true }), { axes: [0] });
    return ops.reshape(product, [outputChannels, channels, 1]);
  });
  return ops.reshape(ops.concat(products, 2), [outputChannels, channels, kernelHeight, kernelWidth]);
}

const conv2dOp = defineOp<Conv2dAttributes>({
  name: 'conv2d',
  isConvolution3x3: ([, weight], { stride, dilation, top, left, bottom, right }) =>
    [stride, dilation, top, left, bottom, right].every((value) => value === 1) &&
    weight!.shape[2] === 3 &&
    weight!.shape[3] === 3,
  infer([x, weight, bias], { stride, dilation, top, left, bottom, right }) {
    requireDType(bias ? [x!, weight!, bias] : [x!, weight!], 'f32');
    requireRank(x!, 4, 'the input');
    requireRank(weight!, 4, 'the weight');
    const [batch, channels, height, width] = x!.shape;
    const [outputChannels, inputChannels, kernelHeight, kernelWidth] = weight!.shape;
    requireEqualDims(channels!, inputChannels!, 'the channels of input and weight');
    if (bias) requireEqualDims(bias.shape[0]!, outputChannels!, 'the output channels of weight and bias');
    const outputHeight = outputSize(height!, top + bottom, kernelHeight!, stride, dilation);
    const outputWidth = outputSize(width!, left + right, kernelWidth!, stride, dilation);
    if ([outputHeight, outputWidth].some((size) => typeof size === 'number' && size < 0))
      throw new RangeError('the kernel is larger than the padded image');
    return [{ dtype: 'f32', shape: [batch!, outputChannels!, outputHeight, outputWidth] }];
  },
  reference([x, weight, bias], { stride, dilation, top, left }, [output]) {
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
                const y = row * stride + i * dilation - top;
                if (y < 0 || y >= height) continue;
                for (let j = 0; j < kernelWidth; j++) {
                  const z = column * stride + j * dilation - left;
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
  onnx: (emitter, { inputs, attributes: { stride, dilation, top, left, bottom, right } }) => [
    emitter.node('Conv', inputs, {
      strides: { ints: [stride, stride] },
      dilations: { ints: [dilation, dilation] },
      pads: { ints: [top, left, bottom, right] },
    }),
  ],
  gradient(
    [gradient],
    { inputs: [x, weight, bias], attributes: { stride, dilation, top, left, bottom, right }, ops },
  ) {
    if (dilation !== 1) throw new RangeError('a dilated convolution cannot be differentiated');
    const [outputChannels] = weight!.shape;
    const call = { gradient: gradient!, x: x!, weight: weight!, stride, top, left, bottom, right, ops };
    const byInput = stride === 1 ? inputGradientOfStrideOne(call) : inputGradient(call);
    const byWeight = stride === 1 ? weightGradientOfStrideOne(call) : weightGradient(call);
    const byBias = bias && ops.reshape(ops.sum(gradient!, { axes: [0, 2, 3] }), [outputChannels!]);
    return bias ? [byInput, byWeight, byBias] : [byInput, byWeight];
  },
  gpu: {
    kind: 'kernel',
    heavy: true,
    sharedAxis: () => 1,
    compute(
      writer,
      indices,
      { inputTypes: [x, weight, bias], attributes: { stride, dilation, top, left, bottom, right } },
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
          const y = writer.temporary(
            addIndex(addIndex(multiplyIndex(row!, stride), multiplyIndex(i, dilation)), -top),
          );
          const z = writer.temporary(
            addIndex(addIndex(multiplyIndex(column!, stride), multiplyIndex(j, dilation)), -left),
          );
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
  /** Pixels between neighbouring elements of the kernel (default 1). */
  readonly dilation?: number;
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
  { bias, stride = 1, dilation = 1, padding = 0 }: Conv2dOptions = {},
): Tensor {
  const { top, left, bottom, right } =
    typeof padding === 'number' ? { top: padding, left: padding, bottom: padding, right: padding } : padding;
  return apply(conv2dOp, bias ? [x, weight, bias] : [x, weight], {
    stride,
    dilation,
    top,
    left,
    bottom,
    right,
  });
}

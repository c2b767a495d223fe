import {
  addDims,
  countElements,
  type Dim,
  floorDivideDim,
  multiplyDims,
  subtractDims,
} from '../src/graph/dimension.js';
import { zeros } from '../src/graph/ndarray.js';
import type { Tensor } from '../src/graph/node.js';
import { apply, defineOp } from '../src/graph/op.js';
import { requireDType, requireEqualDims, requireRank } from '../src/graph/shapes.js';
import { add } from './add.js';
import { multiply } from './multiply.js';
import { pad } from './pad.js';
import { reshape } from './reshape.js';
import { slice } from './slice.js';

type DepthwiseConvAttributes = {
  readonly stride: number;
  readonly dilation: number;
  readonly top: number;
  readonly bottom: number;
};

/** Rows of the result of so many taps. */
function outputHeight(
  height: Dim,
  taps: number,
  { stride, dilation, top, bottom }: DepthwiseConvAttributes,
): Dim {
  const reach = (taps - 1) * dilation + 1;
  return addDims(floorDivideDim(addDims(height, top + bottom - reach), stride), 1);
}

const depthwiseConvOp = defineOp<DepthwiseConvAttributes>({
  name: 'depthwiseConv',
  infer([x, weight], attributes) {
    requireDType([x!, weight!], 'f32');
    requireRank(x!, 4, 'the input');
    requireRank(weight!, 2, 'the weight');
    const [batch, channels, height, width] = x!.shape;
    const [own, taps] = weight!.shape;
    requireEqualDims(channels!, own!, 'the channels of input and weight');
    if (typeof taps !== 'number') throw new RangeError('the number of taps must be known');
    const rows = outputHeight(height!, taps, attributes);
    if (typeof rows === 'number' && rows < 0) throw new RangeError('the taps reach beyond the padded image');
    return [{ dtype: 'f32', shape: [batch!, channels!, rows, width!] }];
  },
  reference([x, weight], { stride, dilation, top }, [output]) {
    const result = zeros('f32', output!.shape);
    const [, channels, rows, width] = output!.shape as [number, number, number, number];
    const height = x!.shape[2]!;
    const taps = weight!.shape[1]!;
    for (let at = 0; at < result.data.length; at++) {
      const plane = Math.floor(at / (rows * width));
      const [row, column] = [Math.floor(at / width) % rows, at % width];
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        const y = row * stride + tap * dilation - top;
        if (y < 0 || y >= height) continue;
        sum +=
          x!.data[(plane * height + y) * width + column]! * weight!.data[(plane % channels) * taps + tap]!;
      }
      result.data[at] = sum;
    }
    return [result];
  },
  onnx(emitter, { inputs: [x, weight], inputTypes, attributes: { stride, dilation, top, bottom } }) {
    const [channels, taps] = inputTypes[1]!.shape as [number, number];
    const kernel = emitter.node('Reshape', [weight!, emitter.shape([channels, 1, taps, 1])]);
    return [
      emitter.node('Conv', [x!, kernel], {
        group: { int: channels },
        strides: { ints: [stride, 1] },
        dilations: { ints: [dilation, 1] },
        pads: { ints: [top, 0, bottom, 0] },
      }),
    ];
  },
  decompose([x, weight], attributes) {
    const { stride, dilation, top, bottom } = attributes;
    const [batch, channels, height, width] = x!.shape as [Dim, number, Dim, Dim];
    const taps = Number(weight!.shape[1]);
    const rows = outputHeight(height, taps, attributes);
    const used = multiplyDims(rows, stride);
    // Each tap reads as many whole strides, of which the last may end after the padding.
    const beyond = Number(subtractDims(addDims(used, (taps - 1) * dilation), addDims(height, top + bottom)));
    const padded = pad(x!, [0, 0, top, 0], [0, 0, bottom + Math.max(0, beyond), 0]);
    const products = Array.from({ length: taps }, (_, tap) => {
      const strides = reshape(slice(padded, { axis: 2, start: tap * dilation, length: used }), [
        batch,
        channels,
        rows,
        stride,
        width,
      ]);
      const read = reshape(slice(strides, { axis: 3, start: 0, length: 1 }), [batch, channels, rows, width]);
      return multiply(read, reshape(slice(weight!, { axis: 1, start: tap, length: 1 }), [channels, 1, 1]));
    });
    return [products.reduce((a, b) => add(a, b))];
  },
  flops: ([, weight], [output]) => 2 * countElements(output!.shape) * weight!.shape[1]!,
});

export interface DepthwiseConvOptions {
  /** Rows between neighbouring outputs (default 1). */
  readonly stride?: number;
  /** Rows between neighbouring taps (default 1). */
  readonly dilation?: number;
  /** Zeros above the image (default 0). */
  readonly top?: number;
  /** Zeros below it (default 0). */
  readonly bottom?: number;
}

/**
 * Depthwise cross-correlation along the height: each channel with taps of its own.
 * @param x `[batch, channels, height, width]`
 * @param weight `[channels, taps]`
 * @returns `[batch, channels, outputHeight, width]`
 */
export function depthwiseConv(
  x: Tensor,
  weight: Tensor,
  { stride = 1, dilation = 1, top = 0, bottom = 0 }: DepthwiseConvOptions = {},
): Tensor {
  return apply(depthwiseConvOp, [x, weight], { stride, dilation, top, bottom });
}

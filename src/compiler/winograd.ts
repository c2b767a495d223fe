import {
  add,
  broadcastTo,
  concat,
  conv2d,
  depthwiseConv,
  multiply,
  reshape,
  slice,
} from '../../kernels/index.js';
import type { DepthwiseConvOptions } from '../../kernels/depthwiseConv.js';
import { type Dim, divideDimExactly } from '../graph/dimension.js';
import type { OperationNode, Tensor } from '../graph/node.js';
import { scope } from '../graph/scope.js';
import { constant } from '../graph/sources.js';
import { type Pass, rewriteGraph } from './rewrite.js';

/** Rows of the result that are computed together. */
const ROWS = 4;
/** Of fewer channels, what is done beside the products costs more than they save. */
const LEAST_CHANNELS = 64;

/** One of the products of which `ROWS` rows are made. */
interface Term {
  /** What the image's rows are multiplied with, from one row above the four on, or where the options say. */
  readonly taps: readonly number[];
  readonly rows: DepthwiseConvOptions;
  /** What the weight's rows are multiplied with. */
  readonly weights: readonly [number, number, number];
}

/** Winograd's F(4, 3) at the points 0, 1, −1, 2, −2 and infinity (Lavin and Gray, 2016), along the height. */
const TERMS: readonly Term[] = [
  { taps: [4, -5, 1], rows: { dilation: 2, top: 1 }, weights: [1 / 4, 0, 0] },
  { taps: [-4, -4, 1, 1], rows: {}, weights: [-1 / 6, -1 / 6, -1 / 6] },
  { taps: [4, -4, -1, 1], rows: {}, weights: [-1 / 6, 1 / 6, -1 / 6] },
  { taps: [-2, -1, 2, 1], rows: {}, weights: [1 / 24, 1 / 12, 1 / 6] },
  { taps: [2, -1, -2, 1], rows: {}, weights: [1 / 24, -1 / 12, 1 / 6] },
  { taps: [4, -5, 1], rows: { dilation: 2, bottom: 1 }, weights: [0, 0, 1] },
];

/** A 3×3 convolution that keeps the image's size. */
interface Convolution {
  /** `[batch, channels, height, width]` */
  readonly image: Tensor;
  /** `[outputChannels, channels, 3, 3]` */
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
}

/** The convolution, where it is one of many channels with known weights on a multiple of four rows. */
function largeConvolution(
  node: OperationNode,
  [image, weight, bias]: readonly Tensor[],
): Convolution | undefined {
  if (!node.op.isConvolution3x3?.(node.inputs, node.attributes)) return undefined;
  if (weight!.node.kind !== 'parameter') return undefined;
  const [outputs, channels] = weight!.shape as [number, number];
  if (Math.min(outputs, channels) < LEAST_CHANNELS) return undefined;
  return divideDimExactly(image!.shape[2]!, ROWS) === undefined
    ? undefined
    : { image: image!, weight: weight!, bias };
}

/** The same taps for every channel. */
function filter(x: Tensor, taps: readonly number[], options: DepthwiseConvOptions = {}): Tensor {
  const shared = constant('f32', [1, taps.length], taps);
  return depthwiseConv(x, broadcastTo(shared, [x.shape[1]!, taps.length]), options);
}

/** `[outputChannels, channels, 1, 3]` */
function combineRows(weight: Tensor, factors: Term['weights']): Tensor {
  return factors
    .map((factor, start) => ({ factor, start }))
    .filter(({ factor }) => factor !== 0)
    .map(({ factor, start }) => multiply(slice(weight, { axis: 2, start, length: 1 }), factor))
    .reduce((a, b) => add(a, b));
}

/** One product of six for each four rows: `[batch, outputChannels, height / 4, width]` */
function productOf({ image, weight }: Convolution, { taps, rows, weights }: Term, bias?: Tensor): Tensor {
  const rowsOfFour = filter(image, taps, { ...rows, stride: ROWS });
  return conv2d(rowsOfFour, combineRows(weight, weights), {
    ...(bias && { bias }),
    padding: { top: 0, left: 1, bottom: 0, right: 1 },
  });
}

/**
 * The first, second, third and fourth row of each four. A difference is a sum with what one tap of −1 gives: the runtime
 * adds it to a convolution while it computes that, and keeps its layout of channels.
 */
function rowsOfFour(convolution: Convolution): readonly Tensor[] {
  const { bias } = convolution;
  const product = (index: number, own?: Tensor) => productOf(convolution, TERMS[index]!, own);
  const pair = (index: number, own?: Tensor) => {
    const [plus, minus] = [product(index, own), product(index + 1)];
    return { sum: add(plus, minus), difference: add(filter(minus, [-1]), plus) };
  };
  // The bias of the first product is in all four rows' sums and differences.
  const [ones, twos] = [pair(1, bias), pair(3)];
  return [
    add(product(0), add(ones.sum, twos.sum)),
    add(filter(twos.difference, [2]), ones.difference),
    add(filter(twos.sum, [4]), ones.sum),
    add(product(5), add(filter(twos.difference, [8]), ones.difference)),
  ];
}

function convolve(convolution: Convolution): Tensor {
  const { image, weight } = convolution;
  const [batch, , height, width] = image.shape as [Dim, Dim, Dim, Dim];
  const outputs = weight.shape[0]!;
  const fours = divideDimExactly(height, ROWS)!;
  const rows = rowsOfFour(convolution).map((row) => reshape(row, [batch, outputs, fours, 1, width]));
  return reshape(concat(rows, 3), [batch, outputs, height, width]);
}

/**
 * 3×3 convolutions of many channels as Winograd's minimal filters along the height: six products of a row of three weights
 * for each four rows instead of twelve, and the same numbers up to rounding. Along the width, too, it would be fewer
 * products, but the sums around them take longer than they save.
 */
export const winograd: Pass = {
  name: 'winograd',
  run: (graph) =>
    rewriteGraph(graph, (node, inputs) => {
      const convolution = node.kind === 'operation' ? largeConvolution(node, inputs) : undefined;
      return convolution && [scope(node.scope, () => convolve(convolution))];
    }),
};

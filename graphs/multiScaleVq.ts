import {
  add,
  concat,
  dim,
  type Graph,
  input,
  makeGraph,
  maximum,
  mean,
  minimum,
  multiply,
  scope,
  slice,
  stopGradient,
  subtract,
  type Tensor,
  transpose,
} from '../src/dsl/index.js';
import { attentionBlock, conv, PACKED } from './convolutionLayers.js';
import { type ImageLossConfig, imageLosses } from './imageLosses.js';
import {
  latentDecoder,
  latentEncoder,
  latentFactor,
  type LatentNetworkConfig,
  type LatentNetworkParts,
} from './latentNetworks.js';
import {
  atScale,
  type MultiScaleQuantizer,
  quantizeScales,
  scaleRanges,
  scaleSums,
} from './multiScaleQuantizer.js';

/** Sizes of VAR's tokenizer (docs/SYSTEMS.md, VAR). */
export interface MultiScaleVqConfig extends LatentNetworkConfig {
  readonly quantizer: MultiScaleQuantizer;
  /** Of the convolutions before and after the quantiser. */
  readonly quantizerKernel: 1 | 3;
}

/** Attention follows the blocks of the smallest maps. */
function partsOf({ channelMultipliers }: MultiScaleVqConfig): LatentNetworkParts {
  const last = channelMultipliers.length - 1;
  return { attend: (x) => attentionBlock(x, PACKED), attends: (level) => level === last };
}

/** Pixels along a side of the pictures. */
export function multiScaleImageSide(config: MultiScaleVqConfig): number {
  return config.quantizer.sides.at(-1)! * latentFactor(config);
}

function imageInput(config: MultiScaleVqConfig): Tensor {
  const side = multiScaleImageSide(config);
  return input('image', 'f32', [dim('batch'), 3, side, side]);
}

/** Image → latent `[batch, codebookDim, side, side]` */
function encode(image: Tensor, config: MultiScaleVqConfig): Tensor {
  const { codebookDim } = config.quantizer;
  const encoded = scope('encoder', () => latentEncoder(image, config, codebookDim, partsOf(config)));
  return conv('quant_conv', encoded, codebookDim, { kernel: config.quantizerKernel });
}

/** Quantized latent → image, about [−1, 1] */
function decode(latent: Tensor, config: MultiScaleVqConfig): Tensor {
  const { codebookDim } = config.quantizer;
  const widened = conv('post_quant_conv', latent, codebookDim, { kernel: config.quantizerKernel });
  return scope('decoder', () => latentDecoder(widened, config, partsOf(config)));
}

const clamped = (image: Tensor): Tensor => minimum(maximum(image, -1), 1);

/** The scales' sums as outputs, `sum.SCALE`: for comparing with numbers of official code. */
function sumOutputs(sums: readonly Tensor[]): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(sums.map((sum, scale) => [`sum.${scale}`, sum]));
}

/** What each scale but the first is told: the coarser ones' sums, pooled to its size, one scale after the other. */
export function nextInputs(sums: readonly Tensor[], quantizer: MultiScaleQuantizer): Tensor {
  const { sides } = quantizer;
  return concat(
    sums.slice(0, sides.length - 1).map((sum, scale) => atScale(sum, scale + 1, quantizer)),
    1,
  );
}

/**
 * `image` f32 `[batch, 3, f·side, f·side]` in [−1, 1] → `latent` `[batch, codebookDim, side, side]`, and `indices` i32
 * `[batch, codes]`, scale by scale and in raster order within each; of the whole, also `sum.SCALE`, what the scales add up
 * to, and `next_inputs` `[batch, codes − those of the first scale, codebookDim]`.
 */
export function multiScaleEncoder(config: MultiScaleVqConfig, { whole = false } = {}): Graph {
  const image = imageInput(config);
  const latent = encode(image, config);
  return scope('quantize', () => {
    const { indices, sums } = quantizeScales(latent, config.quantizer);
    return makeGraph('multi-scale-encoder', [image], {
      latent,
      indices: concat(indices, 1),
      ...(whole && { ...sumOutputs(sums), next_inputs: nextInputs(sums, config.quantizer) }),
    });
  });
}

/** Codes of the first scales, one scale after the other, as a list of each scale's. */
export function splitScales(indices: Tensor, sides: readonly number[]): readonly Tensor[] {
  return scaleRanges(sides).map(({ start, length }) => slice(indices, { axis: 1, start, length }));
}

/**
 * `indices` i32 `[batch, codes]` of the first scales → `latent` `[batch, codebookDim, side, side]` and `image` f32
 * `[batch, 3, f·side, f·side]` in [−1, 1]. Fewer scales give a coarser picture.
 * @param scales how many; all where it is left out
 */
export function multiScaleDecoder(
  config: MultiScaleVqConfig,
  scales: number = config.quantizer.sides.length,
): Graph {
  const sides = config.quantizer.sides.slice(0, scales);
  const codes = sides.reduce((sum, side) => sum + side ** 2, 0);
  const indices = input('indices', 'i32', [dim('batch'), codes]);
  const sums = scope('quantize', () => scaleSums(splitScales(indices, sides), config.quantizer));
  const latent = sums.at(-1)!;
  return makeGraph('multi-scale-decoder', [indices], { latent, image: clamped(decode(latent, config)) });
}

/** `vectors` f32 `[batch, side, side, codebookDim]`, a latent → `image` f32 `[batch, 3, f·side, f·side]` in [−1, 1] */
export function multiScaleLatentDecoder(config: MultiScaleVqConfig): Graph {
  const { codebookDim, sides } = config.quantizer;
  const side = sides.at(-1)!;
  const vectors = input('vectors', 'f32', [dim('batch'), side, side, codebookDim]);
  const image = clamped(decode(transpose(vectors, [0, 3, 1, 2]), config));
  return makeGraph('multi-scale-latent-decoder', [vectors], { image });
}

/** Weights of the losses of a multi-scale tokenizer. */
export interface MultiScaleLossConfig extends ImageLossConfig {
  /** Weight of the pull of latents towards their codes. */
  readonly commitment: number;
}

/**
 * Encoder, quantiser with the straight-through gradient, decoder and losses (docs/SYSTEMS.md, VAR).
 *
 * `image` as for the encoder, and `adversarial_weight` f32 without axes where there is a discriminator → `loss`, the sum of
 * `reconstruction_loss`, `codebook_loss`, `commitment_loss` and whichever of `perceptual_loss`, `adversarial_loss` and
 * `discriminator_loss` are asked for; `indices` i32 `[batch, codes]`; `latents` `[batch, codes, codebookDim]`, what they are
 * next to; `reconstruction`, of the image's shape.
 */
export function multiScaleAutoencoder(config: MultiScaleVqConfig, losses: MultiScaleLossConfig): Graph {
  const image = imageInput(config);
  const latent = encode(image, config);
  const { indices, rests, sums } = scope('quantize', () => quantizeScales(latent, config.quantizer));
  // The decoder sees the codes; the encoder gets the decoder's gradient as if it saw the latents.
  const reconstruction = decode(add(latent, stopGradient(subtract(sums.at(-1)!, latent))), config);
  const pictures = imageLosses(image, reconstruction, losses);
  return scope('loss', () => {
    /** The mean over the scales of the squared difference of what they add up to so far. */
    const apart = (towards: Tensor, sumAt: (sum: Tensor) => Tensor) => {
      const squares = sums.map((sum) => {
        const difference = subtract(sumAt(sum), towards);
        return mean(multiply(difference, difference));
      });
      return multiply(
        squares.reduce((a, b) => add(a, b)),
        1 / sums.length,
      );
    };
    const parts = {
      reconstruction_loss: pictures.reconstruction,
      codebook_loss: apart(stopGradient(latent), (sum) => sum),
      commitment_loss: multiply(apart(latent, stopGradient), losses.commitment),
      ...pictures.further,
    };
    const loss = Object.values(parts).reduce((a, b) => add(a, b));
    return makeGraph('multi-scale-autoencoder', [image, ...pictures.inputs], {
      loss,
      ...parts,
      indices: concat(indices, 1),
      latents: concat(rests, 1),
      reconstruction,
    });
  });
}

import {
  add,
  argmax,
  type Dim,
  dim,
  embedding,
  type Graph,
  input,
  log,
  logSoftmax,
  makeGraph,
  matmul,
  mean,
  multiply,
  multiplyDims,
  negate,
  parameter,
  reshape,
  scope,
  silu,
  softmax,
  stopGradient,
  subtract,
  sum,
  type Tensor,
  transpose,
  upsampleNearest,
} from '../src/dsl/index.js';
import { attentionBlock, conv, norm, residualBlock } from './convolutionLayers.js';
import { type ImageLossConfig, imageLosses } from './imageLosses.js';
import { unitLength } from './unitLength.js';

/** Sizes of a VQ tokenizer (docs/SYSTEMS.md, VQ-16). */
export interface VqTokenizerConfig {
  readonly codebookSize: number;
  readonly codebookDim: number;
  /** Channels of the first level. */
  readonly channels: number;
  /** Each level's channels as a multiple of the first; every level but the last halves the image. */
  readonly channelMultipliers: readonly number[];
  readonly residualBlocks: number;
  readonly latentChannels: number;
  /** Height and width of the training images in pixels. */
  readonly imageSize: number;
}

/** How many pixels one token covers along each axis. */
export function downsampleFactor(config: VqTokenizerConfig): number {
  return 2 ** (config.channelMultipliers.length - 1);
}

function middle(x: Tensor): Tensor {
  const channels = Number(x.shape[1]);
  const first = scope('mid.0', () => residualBlock(x, channels));
  const attended = scope('mid.1', () => attentionBlock(first));
  return scope('mid.2', () => residualBlock(attended, channels));
}

/** Residual blocks of one level, each followed by attention where the level has it. */
function levelBlocks(x: Tensor, channels: number, blocks: number, attends: boolean): Tensor {
  let state = x;
  for (let index = 0; index < blocks; index++) {
    state = scope(`res.${index}`, () => residualBlock(state, channels));
    if (attends) state = scope(`attn.${index}`, () => attentionBlock(state));
  }
  return state;
}

function levelChannels(config: VqTokenizerConfig): readonly number[] {
  return config.channelMultipliers.map((multiplier) => multiplier * config.channels);
}

/** Image `[batch, 3, f·height, f·width]` in [−1, 1] → `[batch, latentChannels, height, width]` */
function encoder(image: Tensor, config: VqTokenizerConfig): Tensor {
  const channels = levelChannels(config);
  let x = conv('conv_in', image, config.channels, { kernel: 3 });
  for (const [level, outputs] of channels.entries()) {
    const last = level === channels.length - 1;
    x = scope(`conv_blocks.${level}`, () => {
      const state = levelBlocks(x, outputs, config.residualBlocks, last);
      return last
        ? state
        : scope('downsample', () => conv('conv', state, outputs, { kernel: 3, downsample: true }));
    });
  }
  return conv('conv_out', silu(norm('norm_out', middle(x))), config.latentChannels, { kernel: 3 });
}

/** Channels of the decoder's levels, from the smallest map to the picture. */
export function decoderChannels(config: VqTokenizerConfig): readonly number[] {
  return levelChannels(config).toReversed();
}

/** The latent after so many of the decoder's levels, the last of which does not enlarge it. */
function decoderLevels(latent: Tensor, config: VqTokenizerConfig, levels: number): Tensor {
  const channels = decoderChannels(config).slice(0, levels);
  let x = middle(conv('conv_in', latent, channels[0]!, { kernel: 3 }));
  for (const [level, outputs] of channels.entries()) {
    const last = level === channels.length - 1;
    x = scope(`conv_blocks.${level}`, () => {
      const state = levelBlocks(x, outputs, config.residualBlocks + 1, level === 0);
      return last
        ? state
        : scope('upsample', () => conv('conv', upsampleNearest(state, 2), outputs, { kernel: 3 }));
    });
  }
  return x;
}

/** `[batch, latentChannels, height, width]` → image `[batch, 3, f·height, f·width]`, about [−1, 1] */
function decoder(latent: Tensor, config: VqTokenizerConfig): Tensor {
  const x = decoderLevels(latent, config, config.channelMultipliers.length);
  return conv('conv_out', silu(norm('norm_out', x)), 3, { kernel: 3 });
}

/** Rows of length 1: `[codebookSize, codebookDim]` */
function codebook(config: VqTokenizerConfig): Tensor {
  return scope('embedding', () => {
    const bound = 1 / config.codebookSize;
    return unitLength(
      parameter('weight', [config.codebookSize, config.codebookDim], { kind: 'uniform', bound }),
    );
  });
}

interface Places {
  readonly batch: Dim;
  readonly height: Dim;
  readonly width: Dim;
}

/** Image → latent `[batch, codebookDim, height, width]` */
function encode(image: Tensor, config: VqTokenizerConfig): Tensor {
  const encoded = scope('encoder', () => encoder(image, config));
  return conv('quant_conv', encoded, config.codebookDim, { kernel: 1 });
}

/** Quantized latent `[batch, codebookDim, height, width]` → latent `[batch, latentChannels, height, width]` */
function decoderInput(quantized: Tensor, config: VqTokenizerConfig): Tensor {
  return conv('post_quant_conv', quantized, config.latentChannels, { kernel: 1 });
}

/** Quantized latent `[batch, codebookDim, height, width]` → image */
function decode(quantized: Tensor, config: VqTokenizerConfig): Tensor {
  const latent = decoderInput(quantized, config);
  return scope('decoder', () => decoder(latent, config));
}

/** `[batch, codebookDim, height, width]` → rows of length 1, `[batch, height·width, codebookDim]` */
function latentRows(latent: Tensor, { batch, height, width }: Places, config: VqTokenizerConfig): Tensor {
  const rows = reshape(transpose(latent, [0, 2, 3, 1]), [
    batch,
    multiplyDims(height, width),
    config.codebookDim,
  ]);
  return unitLength(rows);
}

/** Products of latents and codebook rows, both of length 1: the larger, the nearer. `[batch, positions, codebookSize]` */
function similarities(rows: Tensor, codes: Tensor): Tensor {
  return matmul(rows, codes, { transposeRight: true });
}

function imagePlaces(): Places {
  return { batch: dim('batch'), height: dim('height'), width: dim('width') };
}

function imageInput({ batch, height, width }: Places, config: VqTokenizerConfig): Tensor {
  const factor = downsampleFactor(config);
  return input('image', 'f32', [batch, 3, multiplyDims(factor, height), multiplyDims(factor, width)]);
}

/**
 * `image` f32 `[batch, 3, f·height, f·width]` in [−1, 1] → `latent` `[batch, codebookDim, height, width]`, and
 * `indices` i32 `[batch, height·width]` in raster order: each latent's nearest codebook row, both scaled to length 1.
 */
export function vqEncoder(config: VqTokenizerConfig): Graph {
  const places = imagePlaces();
  const image = imageInput(places, config);
  const latent = encode(image, config);
  const indices = scope('quantize', () =>
    argmax(similarities(latentRows(latent, places, config), codebook(config))),
  );
  return makeGraph('vq-encoder', [image], { latent, indices });
}

/**
 * `indices` i32 `[batch, height, width]` → `quantized` `[batch, codebookDim, height, width]` and `image` f32
 * `[batch, 3, f·height, f·width]`, about [−1, 1].
 */
export function vqDecoder(config: VqTokenizerConfig): Graph {
  const indices = indicesInput();
  const quantized = quantizedOf(indices, config);
  const image = decode(quantized, config);
  return makeGraph('vq-decoder', [indices], { quantized, image });
}

/**
 * The decoder's first levels alone: `indices` as above → `map`, `[batch, channels, rows, columns]` of the last of them,
 * not enlarged.
 * @param levels at least 1
 */
export function vqDecoderStart(config: VqTokenizerConfig, levels: number): Graph {
  const indices = indicesInput();
  const latent = decoderInput(quantizedOf(indices, config), config);
  const map = scope('decoder', () => decoderLevels(latent, config, levels));
  return makeGraph('vq-decoder-start', [indices], { map });
}

function indicesInput(): Tensor {
  return input('indices', 'i32', [dim('batch'), dim('height'), dim('width')]);
}

function quantizedOf(indices: Tensor, config: VqTokenizerConfig): Tensor {
  return scope('quantize', () => transpose(embedding(codebook(config), indices), [0, 3, 1, 2]));
}

/** Weights of the tokenizer's losses (docs/SYSTEMS.md, VQ-16). */
export interface VqLossConfig extends ImageLossConfig {
  /** Weight of the pull of latents towards their codes. */
  readonly commitment: number;
  /** Weight of the entropy term, which asks for sure choices and an evenly used codebook; 0 leaves it out. */
  readonly entropy: number;
  /**
   * Weight of the entropy of the codes' use, which is the price of a token for whoever predicts it (as in
   * entropy-constrained vector quantisation); 0 leaves it out.
   */
  readonly rate: number;
  /** Whether the images are some of a batch, whose average choice is then an input (default no). */
  readonly isShared?: boolean;
}

export const VQ_LOSS_DEFAULTS: VqLossConfig = {
  reconstruction: 'l2',
  commitment: 0.25,
  entropy: 0,
  rate: 0,
};

const ENTROPY_TEMPERATURE = 0.01;
const LOG_EPSILON = 1e-5;

/** The average choice of a code over some of a batch, an output, and over all of it, an input. */
const [SHARE_CHOICE, BATCH_CHOICE] = ['share_mean.choice', 'batch_mean.choice'];

/** Entropies in nats of the choice of a code, a softmax of negative squared distances at a low temperature. */
interface ChoiceEntropies {
  /** Of each latent's choice, on average: how unsure it is. */
  readonly own: Tensor;
  /** Of the average choice: how evenly the codebook is used. */
  readonly average: Tensor;
  /** The average choice of these latents `[codes]`. */
  readonly choice: Tensor;
}

/** @param whole the average choice of the whole batch, where these latents are some of it `[codes]` */
function choiceEntropies(products: Tensor, codes: number, whole: Tensor | undefined): ChoiceEntropies {
  const affinities = reshape(multiply(subtract(products, 1), 2 / ENTROPY_TEMPERATURE), [-1, codes]);
  const choices = softmax(affinities);
  const choice = mean(choices, { axes: [0] });
  // The value is the whole batch's, and the gradient goes to these latents.
  const average = whole ? add(choice, stopGradient(subtract(whole, choice))) : choice;
  return {
    choice,
    own: negate(mean(sum(multiply(choices, logSoftmax(affinities)), { axes: [-1] }))),
    average: negate(sum(multiply(average, log(add(average, LOG_EPSILON))))),
  };
}

/**
 * Encoder, quantiser with the straight-through gradient, decoder and losses (docs/SYSTEMS.md, VQ-16).
 *
 * `image` as for the encoder, of the trained size, and `adversarial_weight` f32 without axes where there is a discriminator → `loss`, the sum
 * of `reconstruction_loss`, `codebook_loss`, `commitment_loss` and whichever of `entropy_loss`, `rate_loss`, `perceptual_loss`,
 * `adversarial_loss` and `discriminator_loss` are asked for; `indices` i32 `[batch, height·width]`; `latents` `[batch, height·width, codebookDim]`, of length
 * 1; `reconstruction`, of the image's shape. Where the images are some of a batch and an entropy counts, `share_mean.choice`
 * `[codebookSize]` is their average choice of a code, and the input `batch_mean.choice` that of the whole batch.
 */
export function vqAutoencoder(config: VqTokenizerConfig, losses: VqLossConfig = VQ_LOSS_DEFAULTS): Graph {
  const side = config.imageSize / downsampleFactor(config);
  const places = { batch: dim('batch'), height: side, width: side };
  const image = imageInput(places, config);
  const rows = latentRows(encode(image, config), places, config);
  const quantizer = scope('quantize', () => {
    const codes = codebook(config);
    const products = similarities(rows, codes);
    const indices = argmax(products);
    return { codes, products, indices, chosen: embedding(codes, indices) };
  });
  const { chosen, indices, products } = quantizer;
  // The decoder sees the codes; the encoder gets the decoder's gradient as if it saw the latents.
  const straightThrough = add(rows, stopGradient(subtract(chosen, rows)));
  const { batch, height, width } = places;
  const quantized = transpose(
    reshape(straightThrough, [batch, height, width, config.codebookDim]),
    [0, 3, 1, 2],
  );
  const reconstruction = decode(quantized, config);
  const pictures = imageLosses(image, reconstruction, losses);
  return scope('loss', () => {
    const squared = (x: Tensor) => multiply(x, x);
    const isMeanShared = losses.isShared && (losses.entropy > 0 || losses.rate > 0);
    const wholeChoice = isMeanShared ? input(BATCH_CHOICE, 'f32', [config.codebookSize]) : undefined;
    const entropies = choiceEntropies(products, config.codebookSize, wholeChoice);
    const parts = {
      reconstruction_loss: pictures.reconstruction,
      codebook_loss: mean(squared(subtract(chosen, stopGradient(rows)))),
      commitment_loss: multiply(mean(squared(subtract(stopGradient(chosen), rows))), losses.commitment),
      ...(losses.entropy > 0 && {
        entropy_loss: multiply(subtract(entropies.own, entropies.average), losses.entropy),
      }),
      ...(losses.rate > 0 && {
        rate_loss: multiply(entropies.average, losses.rate),
      }),
      ...pictures.further,
    };
    const loss = Object.values(parts).reduce((a, b) => add(a, b));
    const inputs = [image, ...pictures.inputs, ...(wholeChoice ? [wholeChoice] : [])];
    return makeGraph('vq-autoencoder', inputs, {
      loss,
      ...parts,
      indices,
      latents: rows,
      reconstruction,
      ...(wholeChoice && { [SHARE_CHOICE]: entropies.choice }),
    });
  });
}

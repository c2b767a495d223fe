import {
  add,
  dim,
  exp,
  type Graph,
  input,
  makeGraph,
  maximum,
  mean,
  minimum,
  multiply,
  multiplyDims,
  scope,
  type Shape,
  slice,
  subtract,
  sum,
  type Tensor,
  transpose,
} from '../src/dsl/index.js';
import {
  latentDecoder,
  latentEncoder,
  latentFactor,
  type LatentNetworkConfig,
  type LatentNetworkParts,
} from './latentNetworks.js';
import { attentionBlock, conv } from './convolutionLayers.js';
import { type ImageLossConfig, imageLosses } from './imageLosses.js';

/** Sizes of an autoencoder with a Gaussian for each latent (docs/SYSTEMS.md, KL-16). */
export interface KlVaeConfig extends LatentNetworkConfig {
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Side that the picture counts as when it is decided which levels attend, whatever its own. */
  readonly nominalSide: number;
  /** Nominal sides of the levels with attention in the encoder, and in the decoder. */
  readonly encoderAttention: readonly number[];
  readonly decoderAttention: readonly number[];
  /** What latents are multiplied by for whoever draws them. */
  readonly scale: number;
}

const [LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE] = [-30, 20];

/** Attention at the levels of some sides. */
function attentionAt(sides: readonly number[], { nominalSide }: KlVaeConfig): LatentNetworkParts {
  return {
    attend: (x) => attentionBlock(x),
    attends: (level) => sides.includes(nominalSide / 2 ** level),
  };
}

/** A Gaussian for each latent: `[batch, latentChannels, height, width]` each. */
export interface Posterior {
  readonly mean: Tensor;
  readonly logVariance: Tensor;
}

/** Image → means, then logarithms of variances: `[batch, 2·latentChannels, height, width]` */
export function klMoments(image: Tensor, config: KlVaeConfig): { encoded: Tensor; moments: Tensor } {
  const width = 2 * config.latentChannels;
  const parts = attentionAt(config.encoderAttention, config);
  const encoded = scope('encoder', () => latentEncoder(image, config, width, parts));
  return { encoded, moments: conv('quant_conv', encoded, width, { kernel: 1 }) };
}

/** The Gaussians of moments; variances are kept from vanishing and from growing without bounds. */
export function posteriorOf(moments: Tensor): Posterior {
  const length = Number(moments.shape[1]) / 2;
  const half = (start: number) => slice(moments, { axis: 1, start, length });
  return {
    mean: half(0),
    logVariance: minimum(maximum(half(length), LEAST_LOG_VARIANCE), MOST_LOG_VARIANCE),
  };
}

/** What standard deviations the Gaussians have. */
export function deviationOf({ logVariance }: Posterior): Tensor {
  return exp(multiply(logVariance, 0.5));
}

/** A latent drawn from the Gaussians. @param noise standard normal, of the latent's shape */
export function posteriorSample(posterior: Posterior, noise: Tensor): Tensor {
  return add(posterior.mean, multiply(deviationOf(posterior), noise));
}

/** How far each Gaussian is from the standard one, in nats. */
function divergences({ mean: centre, logVariance }: Posterior): Tensor {
  const squares = add(multiply(centre, centre), exp(logVariance));
  return multiply(subtract(squares, add(logVariance, 1)), 0.5);
}

/** How far those of each picture are together: `[batch]` */
export function posteriorDivergence(posterior: Posterior): Tensor {
  return sum(divergences(posterior), { axes: [1, 2, 3] });
}

/** Latent `[batch, latentChannels, height, width]` → image */
function decode(latent: Tensor, config: KlVaeConfig): Tensor {
  const given = conv('post_quant_conv', latent, config.latentChannels, { kernel: 1 });
  const parts = attentionAt(config.decoderAttention, config);
  return scope('decoder', () => latentDecoder(given, config, parts));
}

function imageShape(config: KlVaeConfig): Shape {
  const factor = latentFactor(config);
  return [dim('batch'), 3, multiplyDims(factor, dim('height')), multiplyDims(factor, dim('width'))];
}

function latentShape({ latentChannels }: KlVaeConfig): Shape {
  return [dim('batch'), latentChannels, dim('height'), dim('width')];
}

/** `[batch, channels, height, width]` → `[batch, height, width, channels]` */
function channelsLast(x: Tensor): Tensor {
  return transpose(x, [0, 2, 3, 1]);
}

/**
 * `image` f32 `[batch, 3, f·height, f·width]` in [−1, 1] → the Gaussians of its latents: `latent`, the means as they come;
 * scaled, `vectors`, the means, and `deviations`, both `[batch, height, width, latentChannels]`.
 */
export function klEncoder(config: KlVaeConfig): Graph {
  const image = input('image', 'f32', imageShape(config));
  const posterior = posteriorOf(klMoments(image, config).moments);
  const scaled = (x: Tensor) => channelsLast(multiply(x, config.scale));
  return makeGraph('kl-encoder', [image], {
    latent: posterior.mean,
    vectors: scaled(posterior.mean),
    deviations: scaled(deviationOf(posterior)),
  });
}

/**
 * `vectors` f32 `[batch, height, width, latentChannels]`, scaled latents → `image` f32 `[batch, 3, f·height, f·width]`, about
 * [−1, 1].
 */
export function klDecoder(config: KlVaeConfig): Graph {
  const shape = [dim('batch'), dim('height'), dim('width'), config.latentChannels];
  const vectors = input('vectors', 'f32', shape);
  const latent = multiply(transpose(vectors, [0, 3, 1, 2]), 1 / config.scale);
  return makeGraph('kl-decoder', [vectors], { image: decode(latent, config) });
}

/** How the autoencoder is trained (docs/SYSTEMS.md, KL-16). */
export interface KlLossConfig extends ImageLossConfig {
  /** Weight of the distance of a picture's Gaussians from standard ones, divided by the picture's numbers. */
  readonly divergence: number;
}

/**
 * Encoder, a draw from the Gaussians, decoder and losses (docs/SYSTEMS.md, KL-16).
 *
 * `image` as for the encoder; `noise` f32, standard normal, of the latent's shape; `adversarial_weight` f32 without axes where
 * there is a discriminator → `loss`, the sum of `reconstruction_loss`, `divergence_loss` and whichever of `perceptual_loss`,
 * `adversarial_loss` and `discriminator_loss` are asked for; `latent`; `reconstruction`, of the image's shape.
 */
export function klAutoencoder(config: KlVaeConfig, losses: KlLossConfig): Graph {
  const image = input('image', 'f32', imageShape(config));
  const noise = input('noise', 'f32', latentShape(config));
  const posterior = posteriorOf(klMoments(image, config).moments);
  const latent = posteriorSample(posterior, noise);
  const reconstruction = decode(latent, config);
  const { inputs, reconstruction: distance, further } = imageLosses(image, reconstruction, losses);
  return scope('loss', () => {
    // Nats of a latent position, for each of the numbers of a picture that it stands for.
    const share = config.latentChannels / (3 * latentFactor(config) ** 2);
    const parts = {
      reconstruction_loss: distance,
      divergence_loss: multiply(mean(divergences(posterior)), losses.divergence * share),
      ...further,
    };
    const loss = Object.values(parts).reduce((a, b) => add(a, b));
    return makeGraph('kl-autoencoder', [image, noise, ...inputs], { loss, ...parts, latent, reconstruction });
  });
}

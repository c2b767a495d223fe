import { klAutoencoder, klDecoder, klEncoder } from '../../graphs/klVae.js';
import { latentFactor } from '../../graphs/latentNetworks.js';
import { faultOfKlVae, KL_VAE_SCHEMA, type KlVaeFields, klVaeNetwork } from './klVaeFields.js';
import type { TokenizerKind } from './tokenizerKind.js';

/** Fields for images of another size: attention stays where it was. */
function resized(fields: Partial<KlVaeFields>, imageSize: number): object {
  const factor = imageSize / (fields.resolution ?? imageSize);
  const scaled = (sides: readonly number[] = []) => sides.map((side) => side * factor);
  return {
    ...fields,
    resolution: imageSize,
    encoder_attn_resolutions: scaled(fields.encoder_attn_resolutions),
    decoder_attn_resolutions: scaled(fields.decoder_attn_resolutions),
  };
}

/** The autoencoder of latent diffusion models, whose latents are Gaussians (docs/SYSTEMS.md, KL-16). */
export const klVae: TokenizerKind<KlVaeFields> = {
  name: 'kl',
  title: 'KL',
  codes: 'vectors',
  schema: KL_VAE_SCHEMA,
  presets: {
    'KL-16': {
      embed_dim: 16,
      ch: 128,
      ch_mult: [1, 1, 2, 2, 4],
      num_res_blocks: 2,
      resolution: 256,
      encoder_attn_resolutions: [16],
      decoder_attn_resolutions: [],
      scale_factor: 0.2325,
    },
  },
  ignored: [/^loss\./],
  recognise: (names) =>
    names.has('encoder.down.0.block.0.conv1.weight') &&
    names.has('quant_conv.weight') &&
    !names.has('quantize.embedding.weight'),
  fault: faultOfKlVae,
  facts: (config) => ({
    factor: latentFactor(klVaeNetwork(config)),
    codes: { kind: 'vectors', channels: config.embed_dim },
    imageSize: config.resolution,
  }),
  describe: (config) => {
    const factor = latentFactor(klVaeNetwork(config));
    return `vectors of ${config.embed_dim} channels, ${factor}×${factor} pixels a vector, for pictures of ${config.resolution}×${config.resolution}`;
  },
  graphs: (config) => ({
    encoder: () => klEncoder(klVaeNetwork(config)),
    decoder: () => klDecoder(klVaeNetwork(config)),
  }),
  training: {
    trainable: {
      small: {
        embed_dim: 4,
        ch: 32,
        ch_mult: [1, 1, 2],
        num_res_blocks: 1,
        resolution: 32,
        encoder_attn_resolutions: [8],
        decoder_attn_resolutions: [],
        scale_factor: 1,
      },
    },
    settings: ['divergence'],
    graph: (config, losses) => klAutoencoder(klVaeNetwork(config), losses),
    // Published scales, such as KL-16's, have four digits too.
    scaled: (config, deviation) => ({
      ...config,
      scale_factor: Number((config.scale_factor / deviation).toPrecision(4)),
    }),
    // Levels attend where those of the size that was said did.
    sized: (fields, imageSize) => resized(fields as Partial<KlVaeFields>, imageSize),
  },
};

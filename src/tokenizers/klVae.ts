import { klDecoder, klDownsampleFactor, klEncoder } from '../../graphs/klVae.js';
import { faultOfKlVae, KL_VAE_SCHEMA, type KlVaeFields, klVaeNetwork } from './klVaeFields.js';
import type { TokenizerKind } from './tokenizerKind.js';

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
  fault: faultOfKlVae,
  facts: (config) => ({
    factor: klDownsampleFactor(klVaeNetwork(config)),
    codes: { kind: 'vectors', channels: config.embed_dim },
    imageSize: config.resolution,
  }),
  describe: (config) => {
    const factor = klDownsampleFactor(klVaeNetwork(config));
    return `vectors of ${config.embed_dim} channels, ${factor}×${factor} pixels a vector, for pictures of ${config.resolution}×${config.resolution}`;
  },
  graphs: (config) => ({
    encoder: () => klEncoder(klVaeNetwork(config)),
    decoder: () => klDecoder(klVaeNetwork(config)),
  }),
};

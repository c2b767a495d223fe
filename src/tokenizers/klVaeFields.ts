import type { JSONSchemaType } from 'ajv';
import type { KlVaeConfig } from '../../graphs/klVae.js';
import { latentFactor } from '../../graphs/latentNetworks.js';
import {
  type ConvolutionFields,
  convolutionParameters,
  convolutionProperties,
  faultOfChannels,
  faultOfSizes,
  positive,
} from './convolutionFields.js';

/** Fields of a KL autoencoder, named as in the official implementation of MAR and in that of its encoder and decoder. */
export interface KlVaeFields extends ConvolutionFields {
  /** Channels of a latent. */
  readonly embed_dim: number;
  /** Height and width of the training images in pixels. */
  readonly resolution: number;
  /** Sides of the maps with attention, of pictures of that size. */
  readonly encoder_attn_resolutions: readonly number[];
  readonly decoder_attn_resolutions: readonly number[];
  /** What latents are multiplied by for whoever draws them; trained ones get theirs at the end. */
  readonly scale_factor: number;
}

const sides = { type: 'array', items: positive, maxItems: 8 } as const;

/** Schema of the fields; the defaults are those of KL-16. */
export const KL_VAE_SCHEMA: JSONSchemaType<KlVaeFields> = {
  type: 'object',
  required: [],
  properties: {
    embed_dim: { ...positive, default: 16 },
    ch: { ...positive, default: 128 },
    ...convolutionProperties,
    resolution: { ...positive, default: 256 },
    encoder_attn_resolutions: { ...sides, default: [16] },
    decoder_attn_resolutions: { ...sides, default: [] },
    scale_factor: { type: 'number', exclusiveMinimum: 0, default: 0.2325 },
  },
};

/** The configuration as graphs take it. */
export function klVaeNetwork(fields: KlVaeFields): KlVaeConfig {
  return {
    latentChannels: fields.embed_dim,
    channels: fields.ch,
    channelMultipliers: fields.ch_mult,
    residualBlocks: fields.num_res_blocks,
    nominalSide: fields.resolution,
    encoderAttention: fields.encoder_attn_resolutions,
    decoderAttention: fields.decoder_attn_resolutions,
    scale: fields.scale_factor,
  };
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
export function faultOfKlVae(fields: KlVaeFields): string | undefined {
  const parameters = convolutionParameters(fields, 3 * fields.embed_dim);
  return faultOfChannels(fields) ?? faultOfSizes(parameters, 'embed_dim') ?? faultOfResolution(fields);
}

function faultOfResolution(fields: KlVaeFields): string | undefined {
  const factor = latentFactor(klVaeNetwork(fields));
  return fields.resolution % factor === 0
    ? undefined
    : `resolution ${fields.resolution} must be a multiple of ${factor}, one latent's pixels`;
}

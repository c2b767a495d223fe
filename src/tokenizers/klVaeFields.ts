import type { JSONSchemaType } from 'ajv';
import { GROUPS } from '../../graphs/convolutionLayers.js';
import type { KlVaeConfig } from '../../graphs/klVae.js';
import { latentFactor } from '../../graphs/latentNetworks.js';

/** Fields of a KL autoencoder, named as in the official implementation of MAR and in that of its encoder and decoder. */
export interface KlVaeFields {
  /** Channels of a latent. */
  readonly embed_dim: number;
  readonly ch: number;
  readonly ch_mult: readonly number[];
  readonly num_res_blocks: number;
  /** Height and width of the training images in pixels. */
  readonly resolution: number;
  /** Sides of the maps with attention, of pictures of that size. */
  readonly encoder_attn_resolutions: readonly number[];
  readonly decoder_attn_resolutions: readonly number[];
  /** What latents are multiplied by for whoever draws them. */
  readonly scale_factor: number;
}

const positive = { type: 'integer', minimum: 1, maximum: 65536 } as const;
const sides = { type: 'array', items: positive, maxItems: 8 } as const;

/** Schema of the fields; the defaults are those of KL-16. */
export const KL_VAE_SCHEMA: JSONSchemaType<KlVaeFields> = {
  type: 'object',
  required: [],
  properties: {
    embed_dim: { ...positive, default: 16 },
    ch: { ...positive, default: 128 },
    ch_mult: {
      type: 'array',
      items: { ...positive, maximum: 64 },
      minItems: 1,
      maxItems: 8,
      default: [1, 1, 2, 2, 4],
    },
    num_res_blocks: { ...positive, maximum: 64, default: 2 },
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

/** A hundred times KL-16; more could be neither trained nor held in memory by what this program runs on. */
const MAX_PARAMETERS = 2 ** 33;

/** About how many parameters a configuration asks for. */
function countParameters({ ch, ch_mult, num_res_blocks, embed_dim }: KlVaeFields): number {
  const squares = ch_mult.reduce((sum, factor) => sum + (ch * factor) ** 2, 0);
  return 18 * (2 * (num_res_blocks + 1) * squares + 3 * embed_dim * ch * ch_mult.at(-1)!);
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
export function faultOfKlVae(fields: KlVaeFields): string | undefined {
  if (fields.ch % GROUPS !== 0)
    return `ch ${fields.ch} must be a multiple of ${GROUPS}, the groups of GroupNorm`;
  const parameters = countParameters(fields);
  if (parameters > MAX_PARAMETERS)
    return `its sizes (ch, ch_mult, num_res_blocks, embed_dim) ask for ${(parameters / 1e9).toFixed(1)} billion parameters, more than ${(MAX_PARAMETERS / 1e9).toFixed(1)}`;
  const factor = latentFactor(klVaeNetwork(fields));
  return fields.resolution % factor === 0
    ? undefined
    : `resolution ${fields.resolution} must be a multiple of ${factor}, one latent's pixels`;
}

import type { JSONSchemaType } from 'ajv';
import { GROUPS, NORM_EPSILON } from '../../graphs/convolutionLayers.js';
import { vqStripBlocks, vqStripEnd, vqStripEnlarging } from '../../graphs/vqDecoderStrips.js';
import {
  decoderChannels,
  downsampleFactor,
  vqAutoencoder,
  vqDecoder,
  vqDecoderStart,
  vqEncoder,
  type VqTokenizerConfig,
} from '../../graphs/vqTokenizer.js';
import {
  convolutionParameters,
  convolutionProperties,
  faultOfChannels,
  faultOfSizes,
  positive,
} from './convolutionFields.js';
import type { StripDecoding } from './stripDecoder.js';
import type { TokenizerKind } from './tokenizerKind.js';

/** A VQ tokenizer configuration with the official field names. */
export interface OfficialVqConfig {
  readonly codebook_size: number;
  readonly codebook_embed_dim: number;
  readonly ch: number;
  readonly ch_mult: readonly number[];
  readonly z_channels: number;
  readonly num_res_blocks: number;
  /** Height and width of the training images in pixels. */
  readonly image_size: number;
}

/** Schema of the configuration in the official field names. */
const schema: JSONSchemaType<OfficialVqConfig> = {
  type: 'object',
  required: [],
  properties: {
    codebook_size: { ...positive, maximum: 1 << 24, default: 16384 },
    codebook_embed_dim: { ...positive, default: 8 },
    ch: { ...positive, default: 128 },
    ...convolutionProperties,
    z_channels: { ...positive, default: 256 },
    image_size: { ...positive, default: 256 },
  },
};

function fault(config: OfficialVqConfig): string | undefined {
  const { codebook_size: codes, codebook_embed_dim: width, z_channels: channels } = config;
  const parameters = codes * width + convolutionParameters(config, 2 * channels);
  return faultOfChannels(config) ?? faultOfSizes(parameters, 'codebook_size') ?? faultOfImageSize(config);
}

function faultOfImageSize(config: OfficialVqConfig): string | undefined {
  const factor = downsampleFactor(vqConfig(config));
  return config.image_size % factor === 0
    ? undefined
    : `image_size ${config.image_size} must be a multiple of ${factor}, one token's pixels`;
}

/** The configuration as the graph takes it. */
export function vqConfig(official: OfficialVqConfig): VqTokenizerConfig {
  return {
    codebookSize: official.codebook_size,
    codebookDim: official.codebook_embed_dim,
    channels: official.ch,
    channelMultipliers: official.ch_mult,
    residualBlocks: official.num_res_blocks,
    latentChannels: official.z_channels,
    imageSize: official.image_size,
  };
}

function stripDecoding(config: VqTokenizerConfig): StripDecoding {
  return {
    groups: GROUPS,
    epsilon: NORM_EPSILON,
    channels: decoderChannels(config),
    start: (levels) => vqDecoderStart(config, levels),
    enlarging: (level) => vqStripEnlarging(config, level),
    blocks: (level) => vqStripBlocks(config, level),
    end: () => vqStripEnd(config),
  };
}

/** LlamaGen's tokenizer (docs/SYSTEMS.md, VQ-16), which the published generators use: VQ-16 has the schema's defaults. */
export const vq: TokenizerKind<OfficialVqConfig> = {
  name: 'vq',
  title: 'VQ',
  codes: 'indices',
  schema,
  presets: {
    'VQ-16': {
      codebook_size: 16384,
      codebook_embed_dim: 8,
      ch: 128,
      ch_mult: [1, 1, 2, 2, 4],
      z_channels: 256,
      num_res_blocks: 2,
      image_size: 256,
    },
  },
  ignored: [/^quantize\.codebook_used$/],
  codebook: 'quantize.embedding.weight',
  fault,
  facts: (config) => ({
    factor: downsampleFactor(vqConfig(config)),
    codes: { kind: 'indices', vocabulary: config.codebook_size },
    imageSize: config.image_size,
  }),
  describe: (config) => {
    const factor = downsampleFactor(vqConfig(config));
    return `${config.codebook_size} codes of ${config.codebook_embed_dim} dims, ${factor}×${factor} pixels a token, for pictures of ${config.image_size}×${config.image_size}`;
  },
  graphs: (config) => ({
    encoder: () => vqEncoder(vqConfig(config)),
    decoder: () => vqDecoder(vqConfig(config)),
  }),
  strips: (config) => stripDecoding(vqConfig(config)),
  training: {
    trainable: {
      small: {
        codebook_size: 128,
        codebook_embed_dim: 8,
        ch: 32,
        ch_mult: [1, 1, 2],
        z_channels: 32,
        num_res_blocks: 1,
        image_size: 32,
      },
    },
    settings: ['entropy', 'rate', 'restartAfter'],
    graph: (config, losses) => vqAutoencoder(vqConfig(config), losses),
    sized: (fields, imageSize) => ({ ...fields, image_size: imageSize }),
  },
};

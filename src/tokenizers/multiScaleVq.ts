import type { JSONSchemaType } from 'ajv';
import { latentFactor } from '../../graphs/latentNetworks.js';
import {
  multiScaleAutoencoder,
  multiScaleDecoder,
  multiScaleEncoder,
  multiScaleImageSide,
  multiScaleLatentDecoder,
} from '../../graphs/multiScaleVq.js';
import {
  faultOfMultiScaleVq,
  faultOfSides,
  kwargsProperties,
  multiScaleVqConfig,
  type MultiScaleVqFields,
  PUBLISHED_KWARGS,
  SIDES_256,
  SIDES_512,
  sidesSchema,
} from './multiScaleVqFields.js';
import { UsageError } from '../errors.js';
import type { TokenizerKind } from './tokenizerKind.js';

/**
 * Fields for pictures of another size: the scales that are smaller than the finest one then, and that one.
 * @throws UsageError where it would not be of whole tokens.
 */
function sizedFields(fields: object, imageSize: number): object {
  const { ch_mult, v_patch_nums } = { ...PUBLISHED_KWARGS, v_patch_nums: SIDES_256, ...fields };
  const factor = latentFactor({ channelMultipliers: ch_mult });
  const side = imageSize / factor;
  if (!Number.isInteger(side) || side < 2)
    throw new UsageError(`images of ${imageSize} pixels are no two or more tokens of ${factor}`);
  return { ...fields, v_patch_nums: [...v_patch_nums.filter((own) => own < side), side] };
}

/** VAR's tokenizer (docs/SYSTEMS.md, VAR): codes of several scales, each of what the coarser ones leave. */
export const multiScaleVq: TokenizerKind<MultiScaleVqFields> = {
  name: 'multi-scale',
  title: 'Multi-scale VQ',
  codes: 'scales',
  schema: {
    type: 'object',
    required: [],
    properties: { ...kwargsProperties, v_patch_nums: sidesSchema },
  } as unknown as JSONSchemaType<MultiScaleVqFields>,
  presets: {
    'VAR-VQ-256': { ...PUBLISHED_KWARGS, v_patch_nums: SIDES_256 },
    'VAR-VQ-512': { ...PUBLISHED_KWARGS, v_patch_nums: SIDES_512 },
  },
  // Files may hold the transformer beside it.
  ignored: [
    /^quantize\.ema_vocab_hit_SV$/,
    /^(class_emb|pos_start|pos_1LC|lvl_embed|lvl_1L|word_embed|head|head_nm|blocks|shared_ada_lin)(\.|$)/,
    /^attn_bias_for_masking$/,
  ],
  codebook: 'quantize.embedding.weight',
  recognise: (names) => names.has('decoder.mid.attn_1.qkv.weight') && names.has('quantize.embedding.weight'),
  fieldsIn: (fields) => {
    const { vae_kwargs, patch_nums } = fields as Readonly<Record<string, unknown>>;
    if (typeof vae_kwargs !== 'object' || vae_kwargs === null) return undefined;
    return { ...vae_kwargs, ...(patch_nums !== undefined && { v_patch_nums: patch_nums }) };
  },
  fault: (fields) => faultOfMultiScaleVq(fields) ?? faultOfSides(fields.v_patch_nums, 'v_patch_nums'),
  facts: (fields) => {
    const config = multiScaleVqConfig(fields);
    return {
      factor: latentFactor(config),
      codes: {
        ...{ kind: 'scales', vocabulary: fields.vocab_size, sides: fields.v_patch_nums },
        channels: fields.z_channels,
      },
      imageSize: multiScaleImageSide(config),
    };
  },
  describe: (fields) => {
    const config = multiScaleVqConfig(fields);
    const [factor, side] = [latentFactor(config), multiScaleImageSide(config)];
    return `${fields.vocab_size} codes of ${fields.z_channels} dims on ${fields.v_patch_nums.length} scales, ${factor}×${factor} pixels a token of the finest, for pictures of ${side}×${side}`;
  },
  graphs: (fields) => {
    const config = multiScaleVqConfig(fields);
    return { encoder: () => multiScaleEncoder(config), decoder: () => multiScaleDecoder(config) };
  },
  training: {
    trainable: {
      small: {
        vocab_size: 128,
        z_channels: 8,
        ch: 32,
        ch_mult: [1, 1, 2],
        num_res_blocks: 1,
        v_patch_nums: [1, 2, 3, 4, 6, 8],
      },
    },
    settings: ['restartAfter'],
    graph: (fields, losses) => multiScaleAutoencoder(multiScaleVqConfig(fields), losses),
    sized: sizedFields,
  },
  coarseDecoder: (fields, scales) => multiScaleDecoder(multiScaleVqConfig(fields), scales),
  latentDecoder: (fields) => multiScaleLatentDecoder(multiScaleVqConfig(fields)),
};

import type { JSONSchemaType } from 'ajv';
import type { MarConfig } from '../../graphs/mar.js';
import { spacedTimesteps } from '../../graphs/diffusionTables.js';
import { faultOfParameters, positive } from './configFaults.js';
import type { DataSizes, Preset, SystemConfig } from './system.js';

/** Fields of MAR, named as in the official implementation. */
export interface MarFields {
  /** Pixels along a side of the picture. */
  readonly img_size: number;
  /** Pixels of a latent along an axis, and latents of a token. */
  readonly vae_stride: number;
  readonly patch_size: number;
  /** Channels of a latent. */
  readonly vae_embed_dim: number;
  readonly encoder_embed_dim: number;
  readonly encoder_depth: number;
  readonly encoder_num_heads: number;
  readonly decoder_embed_dim: number;
  readonly decoder_depth: number;
  readonly decoder_num_heads: number;
  readonly mlp_ratio: number;
  readonly class_num: number;
  readonly buffer_size: number;
  /** The least share of tokens that is hidden in training. */
  readonly mask_ratio_min: number;
  readonly label_drop_prob: number;
  /** With which it was trained; how it is trained here is said to the trainer. */
  readonly attn_dropout: number;
  readonly proj_dropout: number;
  readonly diffloss_d: number;
  readonly diffloss_w: number;
  /** Which steps of the diffusion pictures are drawn with where that is not said. */
  readonly num_sampling_steps: string;
  /** Noises of each token that a training step predicts. */
  readonly diffusion_batch_mul: number;
  /** Of no effect here. */
  readonly grad_checkpointing: boolean;
  /** Of all norms, which official configurations leave to the code. */
  readonly norm_eps: number;
}

const share = { type: 'number', minimum: 0, exclusiveMaximum: 1 } as const;
const width = { ...positive, maximum: 65536 } as const;
const depth = { ...positive, maximum: 1024 } as const;

/** Schema of the fields, with the defaults of the published models. */
const schema: JSONSchemaType<MarFields> = {
  type: 'object',
  required: [
    'encoder_embed_dim',
    'encoder_depth',
    'encoder_num_heads',
    'decoder_embed_dim',
    'decoder_depth',
    'decoder_num_heads',
    'diffloss_d',
    'diffloss_w',
  ],
  properties: {
    img_size: { ...width, default: 256 },
    vae_stride: { ...width, default: 16 },
    patch_size: { ...width, default: 1 },
    vae_embed_dim: { ...width, default: 16 },
    encoder_embed_dim: width,
    encoder_depth: depth,
    encoder_num_heads: depth,
    decoder_embed_dim: width,
    decoder_depth: depth,
    decoder_num_heads: depth,
    mlp_ratio: { type: 'number', exclusiveMinimum: 0, maximum: 64, default: 4 },
    class_num: { ...positive, default: 1000 },
    buffer_size: { ...width, default: 64 },
    mask_ratio_min: { ...share, default: 0.7 },
    label_drop_prob: { ...share, default: 0.1 },
    attn_dropout: { ...share, default: 0.1 },
    proj_dropout: { ...share, default: 0.1 },
    diffloss_d: depth,
    diffloss_w: width,
    num_sampling_steps: { type: 'string', default: '100' },
    diffusion_batch_mul: { ...depth, default: 4 },
    grad_checkpointing: { type: 'boolean', default: false },
    norm_eps: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 1e-6 },
  },
};

/** Tokens along a side of the picture. */
export function marSide({ img_size, vae_stride, patch_size }: MarFields): number {
  return img_size / vae_stride / patch_size;
}

/** The configuration as graphs take it. */
export function marNetwork(fields: MarFields): MarConfig {
  return {
    encoder: {
      width: fields.encoder_embed_dim,
      layers: fields.encoder_depth,
      heads: fields.encoder_num_heads,
    },
    decoder: {
      width: fields.decoder_embed_dim,
      layers: fields.decoder_depth,
      heads: fields.decoder_num_heads,
    },
    mlpRatio: fields.mlp_ratio,
    normEpsilon: fields.norm_eps,
    classes: fields.class_num,
    side: marSide(fields),
    buffer: fields.buffer_size,
    diffusion: {
      channels: fields.vae_embed_dim * fields.patch_size ** 2,
      width: fields.diffloss_w,
      depth: fields.diffloss_d,
    },
  };
}

/** About how many parameters a configuration asks for. */
function countParameters(fields: MarFields): number {
  const { encoder, decoder, mlpRatio, classes, side, buffer, diffusion } = marNetwork(fields);
  const stacks = [encoder, decoder].map(
    ({ width: own, layers }) => layers * (4 + 2 * mlpRatio) * own ** 2 + (buffer + side ** 2) * own,
  );
  const drawing = diffusion.width * (256 + decoder.width + (3 + 5 * diffusion.depth) * diffusion.width);
  return stacks[0]! + stacks[1]! + classes * encoder.width + encoder.width * decoder.width + drawing;
}

/** What is wrong with steps of the diffusion; undefined where nothing is. */
export function faultOfTimesteps(text: string): string | undefined {
  try {
    spacedTimesteps(text);
    return undefined;
  } catch (error) {
    return (error as RangeError).message;
  }
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
function faultOfMar(fields: MarFields): string | undefined {
  const { img_size, vae_stride, patch_size } = fields;
  for (const part of ['encoder', 'decoder'] as const) {
    const [embed, heads] = [fields[`${part}_embed_dim`], fields[`${part}_num_heads`]];
    if (embed % heads !== 0)
      return `${part}_embed_dim ${embed} must be a multiple of ${part}_num_heads ${heads}`;
  }
  if (patch_size !== 1)
    return `patch_size ${patch_size} makes tokens of several latents; only 1 is supported, which all published models have`;
  if (img_size % vae_stride !== 0)
    return `img_size ${img_size} must be a multiple of vae_stride ${vae_stride}, so that tokens cover the picture`;
  if (marSide(fields) > 256) return `img_size ${img_size} makes more than 256 tokens along a side`;
  const steps = faultOfTimesteps(fields.num_sampling_steps);
  if (steps !== undefined) return `num_sampling_steps: ${steps}`;
  return faultOfParameters(
    countParameters(fields),
    'encoder_embed_dim, encoder_depth, decoder_embed_dim, decoder_depth, class_num, diffloss_w, diffloss_d',
  );
}

/** Width, layers of encoder and decoder each, heads, layers and width of the network that draws. */
const SIZES = {
  B: [768, 12, 12, 6, 1024],
  L: [1024, 16, 16, 8, 1280],
  H: [1280, 20, 16, 12, 1536],
} as const;

/** A published configuration, for pictures of 256 × 256 pixels. */
function published(size: keyof typeof SIZES): MarFields {
  const [embed, layers, heads, diffloss_d, diffloss_w] = SIZES[size];
  return {
    img_size: 256,
    vae_stride: 16,
    patch_size: 1,
    vae_embed_dim: 16,
    encoder_embed_dim: embed,
    encoder_depth: layers,
    encoder_num_heads: heads,
    decoder_embed_dim: embed,
    decoder_depth: layers,
    decoder_num_heads: heads,
    mlp_ratio: 4,
    class_num: 1000,
    buffer_size: 64,
    mask_ratio_min: 0.7,
    label_drop_prob: 0.1,
    attn_dropout: 0.1,
    proj_dropout: 0.1,
    diffloss_d,
    diffloss_w,
    num_sampling_steps: '100',
    diffusion_batch_mul: 4,
    grad_checkpointing: false,
    norm_eps: 1e-6,
  };
}

const PRESETS: Readonly<Record<string, Preset<MarFields>>> = {
  'MAR-B': { config: published('B'), guidance: 2.9 },
  'MAR-L': { config: published('L'), guidance: 3 },
  'MAR-H': { config: published('H'), guidance: 3.2 },
};

/** A small network, whose encoder and decoder are alike. */
function small(embed: number, layers: number, heads: number, depth: number, hidden: number): object {
  return {
    encoder_embed_dim: embed,
    encoder_depth: layers,
    encoder_num_heads: heads,
    decoder_embed_dim: embed,
    decoder_depth: layers,
    decoder_num_heads: heads,
    buffer_size: 8,
    diffloss_d: depth,
    diffloss_w: hidden,
  };
}

/** The fields that the data decides: pictures of the tokenizer's size where it says one. */
function sizedMar({ grid, classes, codes, tokenizer }: DataSizes): object {
  const { resolution } = tokenizer as { readonly resolution?: unknown };
  const pixels = typeof resolution === 'number' ? resolution : grid.height;
  return {
    img_size: pixels,
    vae_stride: pixels / grid.height,
    vae_embed_dim: codes.kind === 'vectors' ? codes.channels : 1,
    class_num: classes,
  };
}

/** How MAR is configured. */
export const MAR_CONFIG: SystemConfig<MarFields> = {
  schema,
  presets: PRESETS,
  trainable: { small: small(128, 3, 4, 3, 256), medium: small(192, 4, 6, 4, 384) },
  fault: faultOfMar,
  facts: (fields) => ({
    grid: { height: marSide(fields), width: marSide(fields) },
    classes: fields.class_num,
    codes: { kind: 'vectors', channels: fields.vae_embed_dim },
  }),
  sized: sizedMar,
  describe: (fields) => {
    const { encoder_embed_dim: one, decoder_embed_dim: other, encoder_depth, decoder_depth } = fields;
    const width = one === other ? String(one) : `${one} and ${other}`;
    return `dim ${width}, ${encoder_depth} + ${decoder_depth} layers, drawn by ${fields.diffloss_d} layers of ${fields.diffloss_w}`;
  },
};

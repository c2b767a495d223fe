import type { MultiScaleQuantizer } from '../../graphs/multiScaleQuantizer.js';
import type { MultiScaleVqConfig } from '../../graphs/multiScaleVq.js';
import {
  type ConvolutionFields,
  convolutionParameters,
  convolutionProperties,
  faultOfChannels,
  faultOfSizes,
  positive,
} from './convolutionFields.js';

/** What VAR's configurations say of their tokenizer, named as in the official implementation. */
export interface MultiScaleVqKwargs extends ConvolutionFields {
  /** Codes. */
  readonly vocab_size: number;
  /** Numbers of a code. */
  readonly z_channels: number;
  readonly in_channels: number;
  /** With which it was trained. */
  readonly dropout: number;
  /** Weight of the pull of latents towards their codes. */
  readonly beta: number;
  readonly using_znorm: boolean;
  readonly quant_conv_ks: number;
  readonly quant_resi: number;
  /** Convolutions that scales share; 0 for a list of them. */
  readonly share_quant_resi: number;
  /** Length of that list; 0 for one for each scale. */
  readonly default_qresi_counts: number;
}

/** The whole configuration of VAR's tokenizer. */
export interface MultiScaleVqFields extends MultiScaleVqKwargs {
  /** Sides of the scales in tokens. */
  readonly v_patch_nums: readonly number[];
}

const share = { type: 'number', minimum: 0, exclusiveMaximum: 1 } as const;

/** Sides of the scales of pictures of 256 × 256 pixels. */
export const SIDES_256: readonly number[] = [1, 2, 3, 4, 5, 6, 8, 10, 13, 16];
export const SIDES_512: readonly number[] = [1, 2, 3, 4, 6, 9, 13, 18, 24, 32];

/** Schema of the sides of scales. */
export const sidesSchema = {
  type: 'array',
  items: { ...positive, maximum: 256 },
  minItems: 2,
  maxItems: 64,
  default: [...SIDES_256],
} as const;

/** Schemas of the tokenizer's fields, with the published values as defaults. */
export const kwargsProperties = {
  vocab_size: { ...positive, maximum: 1 << 24, default: 4096 },
  z_channels: { ...positive, default: 32 },
  ch: { ...positive, default: 160 },
  ...convolutionProperties,
  in_channels: { ...positive, default: 3 },
  dropout: { ...share, default: 0 },
  beta: { type: 'number', minimum: 0, default: 0.25 },
  using_znorm: { type: 'boolean', default: false },
  quant_conv_ks: { ...positive, default: 3 },
  quant_resi: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.5 },
  share_quant_resi: { type: 'integer', minimum: 0, maximum: 64, default: 4 },
  default_qresi_counts: { type: 'integer', minimum: 0, maximum: 64, default: 0 },
} as const;

/** The tokenizer of all published models. */
export const PUBLISHED_KWARGS: MultiScaleVqKwargs = {
  vocab_size: 4096,
  z_channels: 32,
  ch: 160,
  ch_mult: [1, 1, 2, 2, 4],
  num_res_blocks: 2,
  in_channels: 3,
  dropout: 0,
  beta: 0.25,
  using_znorm: false,
  quant_conv_ks: 3,
  quant_resi: 0.5,
  share_quant_resi: 4,
  default_qresi_counts: 0,
};

/** What is wrong with the sides of scales; undefined where nothing is. @param name of the field */
export function faultOfSides(sides: readonly number[], name: string): string | undefined {
  const wrong = sides.findIndex((side, scale) => scale > 0 && side <= sides[scale - 1]!);
  return wrong < 0
    ? undefined
    : `${name} ${sides.join(', ')}: each scale must be larger than the one before, and ${sides[wrong]} is not`;
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
export function faultOfMultiScaleVq(fields: MultiScaleVqKwargs): string | undefined {
  const { in_channels, quant_conv_ks, vocab_size, z_channels } = fields;
  const channels = faultOfChannels(fields);
  if (channels !== undefined) return channels;
  if (in_channels !== 3) return `in_channels ${in_channels} must be 3, the channels of a picture`;
  if (quant_conv_ks !== 1 && quant_conv_ks !== 3)
    return `quant_conv_ks ${quant_conv_ks} makes another network; only 1 and 3 are supported`;
  return faultOfSizes(vocab_size * z_channels + convolutionParameters(fields, 2 * z_channels), 'vocab_size');
}

/** How the convolutions of a configuration are named, and how many there are. */
function convolutionsOf(
  { share_quant_resi: shared, default_qresi_counts: listed }: MultiScaleVqKwargs,
  scales: number,
): MultiScaleQuantizer['convolutions'] {
  if (shared === 0) return { kind: 'listed', count: listed || scales };
  return { kind: shared === 1 ? 'one' : 'shared', count: shared };
}

/** The quantiser as graphs take it. */
export function quantizerOf(fields: MultiScaleVqKwargs, sides: readonly number[]): MultiScaleQuantizer {
  return {
    sides,
    codebookSize: fields.vocab_size,
    codebookDim: fields.z_channels,
    convolutionShare: fields.quant_resi,
    convolutions: convolutionsOf(fields, sides.length),
    comparesDirections: fields.using_znorm,
  };
}

/** The configuration as graphs take it. */
export function multiScaleVqConfig(fields: MultiScaleVqFields): MultiScaleVqConfig {
  return {
    channels: fields.ch,
    channelMultipliers: fields.ch_mult,
    residualBlocks: fields.num_res_blocks,
    quantizer: quantizerOf(fields, fields.v_patch_nums),
    quantizerKernel: fields.quant_conv_ks === 1 ? 1 : 3,
  };
}

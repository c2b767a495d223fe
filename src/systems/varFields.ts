import type { JSONSchemaType } from 'ajv';
import type { VarConfig } from '../../graphs/var.js';
import {
  faultOfMultiScaleVq,
  faultOfSides,
  kwargsProperties,
  type MultiScaleVqKwargs,
  PUBLISHED_KWARGS,
  quantizerOf,
  SIDES_256,
  SIDES_512,
  sidesSchema,
} from '../tokenizers/multiScaleVqFields.js';
import { faultOfParameters, positive } from './configFaults.js';
import type { Preset } from './system.js';

/** Fields of VAR, named as in the official implementation. */
export interface VarFields {
  /** The tokenizer's. */
  readonly vae_kwargs: MultiScaleVqKwargs;
  readonly num_classes: number;
  readonly depth: number;
  /** 64 times `depth` where it is left out. */
  readonly embed_dim?: number | null;
  /** As many as `depth` where it is left out. */
  readonly num_heads?: number | null;
  readonly mlp_ratio: number;
  /** With which it was trained, as the next three; how it is trained here is said to the trainer. */
  readonly drop_rate: number;
  readonly attn_drop_rate: number;
  readonly drop_path_rate: number;
  readonly cond_drop_rate: number;
  readonly norm_eps: number;
  readonly shared_aln: boolean;
  readonly attn_l2_norm: boolean;
  /** Sides of the scales in tokens. */
  readonly patch_nums: readonly number[];
}

const share = { type: 'number', minimum: 0, exclusiveMaximum: 1 } as const;

/** Schema of the fields, with the published values as defaults. */
export const varSchema = {
  type: 'object',
  required: ['depth'],
  properties: {
    vae_kwargs: { type: 'object', required: [], properties: kwargsProperties, default: {} },
    num_classes: { ...positive, default: 1000 },
    depth: { ...positive, maximum: 1024 },
    embed_dim: { ...positive, maximum: 65536, nullable: true },
    num_heads: { ...positive, maximum: 1024, nullable: true },
    mlp_ratio: { type: 'number', exclusiveMinimum: 0, maximum: 64, default: 4 },
    drop_rate: { ...share, default: 0 },
    attn_drop_rate: { ...share, default: 0 },
    drop_path_rate: { ...share, default: 0 },
    cond_drop_rate: { type: 'number', minimum: 0, maximum: 1, default: 0.1 },
    norm_eps: { type: 'number', exclusiveMinimum: 0, default: 1e-6 },
    shared_aln: { type: 'boolean', default: false },
    attn_l2_norm: { type: 'boolean', default: true },
    patch_nums: sidesSchema,
  },
} as unknown as JSONSchemaType<VarFields>;

/** Channels of a head in all published models. */
const HEAD_WIDTH = 64;

/** The configuration as graphs take it. */
export function varNetwork(fields: VarFields): VarConfig {
  const { depth, embed_dim, num_heads } = fields;
  const width = embed_dim ?? HEAD_WIDTH * depth;
  return {
    dim: width,
    layers: depth,
    heads: num_heads ?? depth,
    feedForwardHidden: Math.round(width * fields.mlp_ratio),
    classes: fields.num_classes,
    normEpsilon: fields.norm_eps,
    sharedModulation: fields.shared_aln,
    unitQueries: fields.attn_l2_norm,
    quantizer: quantizerOf(fields.vae_kwargs, fields.patch_nums),
  };
}

/** About how many parameters a network has. */
function countParameters({
  dim,
  layers,
  feedForwardHidden,
  sharedModulation,
  classes,
  quantizer,
}: VarConfig): number {
  const tokens = quantizer.sides.reduce((sum, side) => sum + side ** 2, 0);
  const layer = 4 * dim + 2 * feedForwardHidden + (sharedModulation ? 0 : 6 * dim);
  return dim * (classes + tokens + quantizer.codebookSize + layers * layer);
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
export function faultOfVar(fields: VarFields): string | undefined {
  const network = varNetwork(fields);
  const { dim, heads } = network;
  if (dim % heads !== 0) return `embed_dim ${dim} must be a multiple of num_heads ${heads}`;
  const ofTokenizer = faultOfMultiScaleVq(fields.vae_kwargs);
  if (ofTokenizer !== undefined) return `vae_kwargs: ${ofTokenizer}`;
  return (
    faultOfSides(fields.patch_nums, 'patch_nums') ??
    faultOfParameters(countParameters(network), 'embed_dim, depth, mlp_ratio, num_classes')
  );
}

/** A published configuration, for 1,000 classes. */
function published(depth: number, sides: readonly number[], shared_aln: boolean): VarFields {
  return {
    vae_kwargs: PUBLISHED_KWARGS,
    num_classes: 1000,
    depth,
    embed_dim: HEAD_WIDTH * depth,
    num_heads: depth,
    mlp_ratio: 4,
    drop_rate: 0,
    attn_drop_rate: 0,
    drop_path_rate: (0.1 * depth) / 24,
    cond_drop_rate: 0.1,
    norm_eps: 1e-6,
    shared_aln,
    attn_l2_norm: true,
    patch_nums: sides,
  };
}

/** The guidance of the published figures. */
const GUIDANCE = 1.5;

export const VAR_PRESETS: Readonly<Record<string, Preset<VarFields>>> = {
  'VAR-d16': { config: published(16, SIDES_256, false), guidance: GUIDANCE },
  'VAR-d20': { config: published(20, SIDES_256, false), guidance: GUIDANCE },
  'VAR-d24': { config: published(24, SIDES_256, false), guidance: GUIDANCE },
  'VAR-d30': { config: published(30, SIDES_256, false), guidance: GUIDANCE },
  'VAR-d36': { config: published(36, SIDES_512, true), guidance: GUIDANCE },
};

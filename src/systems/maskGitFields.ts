import type { JSONSchemaType } from 'ajv';
import { vocabularyOf } from '../codes.js';
import type { MaskGitConfig } from '../../graphs/maskGit.js';
import { faultOfParameters, positive } from './configFaults.js';
import type { Preset, SystemConfig } from './system.js';

/** Fields of MaskGIT, named as in Halton-MaskGIT. */
export interface MaskGitFields {
  /** Tokens along a side of the picture. */
  readonly input_size: number;
  readonly hidden_dim: number;
  readonly codebook_size: number;
  readonly depth: number;
  readonly heads: number;
  /** Four times `hidden_dim` where it is left out. */
  readonly mlp_dim?: number | null;
  /** With which it was trained; how it is trained here is said to the trainer. */
  readonly dropout: number;
  readonly nclass: number;
  readonly register: number;
  /** Tokens along an axis that the transformer sees as one: 1 or 2. */
  readonly proj: number;
}

/** Schema of the fields, with the published defaults. */
const schema: JSONSchemaType<MaskGitFields> = {
  type: 'object',
  required: ['hidden_dim', 'depth', 'heads'],
  properties: {
    input_size: { ...positive, maximum: 256, default: 24 },
    hidden_dim: { ...positive, maximum: 65536 },
    codebook_size: { ...positive, default: 16384 },
    depth: { ...positive, maximum: 1024 },
    heads: { ...positive, maximum: 1024 },
    mlp_dim: { ...positive, maximum: 1 << 18, nullable: true },
    dropout: { type: 'number', minimum: 0, exclusiveMaximum: 1, default: 0.1 },
    nclass: { ...positive, default: 1000 },
    register: { type: 'integer', minimum: 0, maximum: 65536, default: 1 },
    proj: { ...positive, default: 1 },
  },
};

/** Hidden features of the feed-forward network are a multiple of this. */
const HIDDEN_MULTIPLE = 256;

/** Two thirds of `mlp_dim`, since the gated network has three matrices where others have two, rounded up. */
function feedForwardHidden({ hidden_dim, mlp_dim }: MaskGitFields): number {
  const wanted = Math.floor((2 * (mlp_dim ?? 4 * hidden_dim)) / 3);
  return Math.ceil(wanted / HIDDEN_MULTIPLE) * HIDDEN_MULTIPLE;
}

/** The configuration as graphs take it. */
export function maskGitNetwork(fields: MaskGitFields): MaskGitConfig {
  return {
    dim: fields.hidden_dim,
    layers: fields.depth,
    heads: fields.heads,
    feedForwardHidden: feedForwardHidden(fields),
    codes: fields.codebook_size,
    classes: fields.nclass,
    side: fields.input_size,
    registers: fields.register,
    patch: fields.proj === 2 ? 2 : 1,
  };
}

/** About how many parameters a configuration asks for. */
function countParameters(fields: MaskGitFields): number {
  const { hidden_dim, depth, heads, codebook_size, nclass, input_size, register } = fields;
  const inner = heads * Math.floor(hidden_dim / heads);
  const layer = 6 * hidden_dim + 4 * inner + 3 * feedForwardHidden(fields);
  return hidden_dim * (codebook_size + nclass + input_size ** 2 + register + 2 * hidden_dim + depth * layer);
}

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
function fault(fields: MaskGitFields): string | undefined {
  const { hidden_dim, heads, proj, input_size } = fields;
  if (heads > hidden_dim)
    return `heads ${heads} must not be more than hidden_dim ${hidden_dim}, so that each has a channel`;
  if (proj > 2) return `proj ${proj} makes another network; only 1 and 2 are supported`;
  if (input_size % proj !== 0)
    return `input_size ${input_size} must be even where proj is 2, so that squares of tokens cover the picture`;
  return faultOfParameters(
    countParameters(fields),
    'hidden_dim, depth, mlp_dim, codebook_size, nclass, register',
  );
}

/** Widths of the published sizes: hidden_dim, depth, heads. */
const SIZES = {
  Tiny: [384, 6, 6],
  Small: [512, 12, 6],
  Base: [768, 12, 12],
  Large: [1024, 24, 16],
  XLarge: [1152, 28, 16],
} as const;

/** A published configuration, for pictures of 384 × 384 pixels. */
function published(size: keyof typeof SIZES): MaskGitFields {
  const [hidden_dim, depth, heads] = SIZES[size];
  return {
    input_size: 24,
    hidden_dim,
    codebook_size: 16384,
    depth,
    heads,
    mlp_dim: 4 * hidden_dim,
    dropout: 0.1,
    nclass: 1000,
    register: 1,
    proj: 1,
  };
}

const PRESETS: Readonly<Record<string, Preset<MaskGitFields>>> = {
  'MaskGIT-Tiny-384': { config: published('Tiny') },
  'MaskGIT-Small-384': { config: published('Small') },
  'MaskGIT-Base-384': { config: published('Base') },
  'MaskGIT-Large-384': { config: published('Large'), guidance: 2 },
  'MaskGIT-XLarge-384': { config: published('XLarge') },
};

/** How MaskGIT is configured. */
export const MASKGIT_CONFIG: SystemConfig<MaskGitFields> = {
  schema,
  presets: PRESETS,
  trainable: {
    small: { hidden_dim: 192, depth: 6, heads: 6 },
    medium: { hidden_dim: 256, depth: 8, heads: 8 },
  },
  fault,
  facts: ({ input_size, nclass, codebook_size }) => ({
    grid: { height: input_size, width: input_size },
    classes: nclass,
    codes: { kind: 'indices', vocabulary: codebook_size },
  }),
  sized: ({ grid, classes, codes }) => ({
    input_size: grid.height,
    codebook_size: vocabularyOf(codes),
    nclass: classes,
  }),
  describe: ({ hidden_dim, depth, heads }) => `dim ${hidden_dim}, ${depth} layers, ${heads} heads`,
};

import type { JSONSchemaType } from 'ajv';
import { vocabularyOf } from '../codes.js';
import type { DecoderConfig } from '../../graphs/decoder.js';
import { swiGluHidden } from '../../graphs/transformer.js';
import type { Condition } from '../conditions/condition.js';
import { type HostTensor, intTensor } from '../targets/target.js';
import { faultOfHeads, faultOfParameters, faultOfSquare, positive } from './configFaults.js';
import { classRow, indexTable } from './inputs.js';
import type { DataSizes, SystemCheckpoint, SystemConfig, SystemFacts, TrainingExample } from './system.js';

/** Fields of LlamaGen and of what builds on it, named as in the official implementations. */
export interface DecoderFields {
  readonly dim: number;
  readonly n_layer: number;
  readonly n_head: number;
  /** As many as heads in all published models; others are refused. */
  readonly n_kv_head?: number | null;
  readonly vocab_size: number;
  readonly num_classes: number;
  /** Tokens of an image. */
  readonly block_size: number;
  readonly multiple_of: number;
  readonly rope_base: number;
  readonly norm_eps: number;
}

/** Schemas of the fields, with the published defaults. */
export const decoderProperties = {
  dim: { ...positive, maximum: 65536 },
  n_layer: { ...positive, maximum: 1024 },
  n_head: { ...positive, maximum: 1024 },
  n_kv_head: { ...positive, maximum: 1024, nullable: true },
  vocab_size: { ...positive, default: 16384 },
  num_classes: { ...positive, default: 1000 },
  block_size: { ...positive, maximum: 65536, default: 256 },
  multiple_of: { ...positive, maximum: 65536, default: 256 },
  rope_base: { type: 'number', exclusiveMinimum: 0, default: 10000 },
  norm_eps: { type: 'number', exclusiveMinimum: 0, default: 1e-5 },
} as const;
export const decoderRequired = ['dim', 'n_layer', 'n_head'] as const;

const decoderSchema: JSONSchemaType<DecoderFields> = {
  type: 'object',
  required: decoderRequired,
  properties: decoderProperties,
};

/** Widths of the published sizes: dim, layers, heads. */
const SIZES = {
  B: [768, 12, 12],
  M: [1024, 18, 16],
  L: [1024, 24, 16],
  XL: [1280, 36, 20],
  XXL: [1536, 48, 24],
  '3B': [3200, 24, 32],
} as const;
/** Names of the published sizes. */
export type DecoderSize = keyof typeof SIZES;

/** A published configuration: 16,384 codes and 1,000 classes. */
export function publishedDecoder(size: DecoderSize, positions: number): DecoderFields {
  const [dim, n_layer, n_head] = SIZES[size];
  return {
    dim,
    n_layer,
    n_head,
    vocab_size: 16384,
    num_classes: 1000,
    block_size: positions,
    multiple_of: 256,
    rope_base: 10000,
    norm_eps: 1e-5,
  };
}

/** Small decoders that a CPU trains, without the fields that the data decides. */
const TRAINABLE_DECODERS = {
  small: { dim: 192, n_layer: 6, n_head: 6, multiple_of: 64 },
  medium: { dim: 256, n_layer: 8, n_head: 8, multiple_of: 64 },
};

/** The configuration as graphs take it. */
export function decoderNetwork(fields: DecoderFields): DecoderConfig {
  const side = Math.sqrt(fields.block_size);
  return {
    dim: fields.dim,
    layers: fields.n_layer,
    heads: fields.n_head,
    vocabularySize: fields.vocab_size,
    classes: fields.num_classes,
    grid: { height: side, width: side },
    multipleOf: fields.multiple_of,
    ropeBase: fields.rope_base,
    normEpsilon: fields.norm_eps,
  };
}

/** About how many parameters a configuration asks for. */
function countParameters({ dim, n_layer, vocab_size, num_classes, multiple_of }: DecoderFields): number {
  return dim * (2 * vocab_size + num_classes + n_layer * (4 * dim + 3 * swiGluHidden(dim, multiple_of)));
}

/**
 * What is wrong with fields that the schema accepts; undefined where nothing is.
 * @param own names of further fields that the system takes itself
 */
export function faultOfDecoder(fields: DecoderFields, own: readonly string[] = []): string | undefined {
  const { dim, n_head } = fields;
  const n_kv_head = fields.n_kv_head ?? n_head;
  return (
    faultOfHeads(dim, n_head) ??
    (n_kv_head === n_head
      ? undefined
      : `n_kv_head ${n_kv_head} differs from n_head ${n_head}: shared keys and values are not supported`) ??
    faultOfParameters(countParameters(fields), 'dim, n_layer, vocab_size, num_classes') ??
    faultOfSquare(fields.block_size) ??
    faultOfOthers(fields, own)
  );
}

/** Fields of the official code that make another network, and the values with which they do not. */
const OTHER_FIELDS: Readonly<Record<string, readonly unknown[]>> = {
  model_type: ['c2i'],
  cls_token_num: [1],
  ffn_dim_multiplier: [null],
  spe_token_num: [0],
  ar_token_num: [1],
  medusa_attention_num: [0],
};

/** What is wrong with fields that the system does not know; undefined where nothing is. */
function faultOfOthers(fields: object, own: readonly string[]): string | undefined {
  const wrong = Object.entries(OTHER_FIELDS).find(
    ([name, values]) =>
      !own.includes(name) && Object.hasOwn(fields, name) && !values.includes(fields[name as keyof object]),
  );
  if (!wrong) return undefined;
  const [name, values] = wrong;
  return `${name} ${JSON.stringify(fields[name as keyof object])} makes another network; only ${JSON.stringify(values[0])} is supported`;
}

/** The grid, which is square, the classes and the codes. */
function factsOfDecoder(fields: DecoderFields): SystemFacts {
  const { grid, classes, vocabularySize: vocabulary } = decoderNetwork(fields);
  return { grid, classes, codes: { kind: 'indices', vocabulary } };
}

/** The fields that the data decides. */
function sizedDecoder({ grid, classes, codes }: DataSizes): object {
  return {
    vocab_size: vocabularyOf(codes),
    num_classes: classes,
    block_size: grid.height * grid.width,
  };
}

/** The sizes in a few words. */
export function describeDecoder({ dim, n_layer, n_head }: DecoderFields): string {
  return `dim ${dim}, ${n_layer} layers, ${n_head} heads`;
}

/** Buffers of the official modules that nothing needs: RoPE tables, masks, and caches of sampling. */
const DECODER_BUFFERS: readonly RegExp[] = [
  /(^|\.)freqs_cis$/,
  /(^|\.)causal_mask$/,
  /\.kv_cache\.[kv]_cache$/,
];

/** The class of a condition; the null class is the one after the last. */
export function classOf({ num_classes }: DecoderFields, condition: Condition): number {
  return classRow(condition, num_classes);
}

/** The inputs of training that all decoders have. */
export function decoderBatch(
  fields: DecoderFields,
  examples: readonly TrainingExample[],
): Readonly<Record<'tokens' | 'class_ids', HostTensor>> {
  return {
    tokens: indexTable(examples),
    class_ids: intTensor(
      [examples.length],
      examples.map(({ condition }) => classOf(fields, condition)),
    ),
  };
}

/** How decoders are configured, but for the presets of each system. */
export const DECODER_CONFIG: Omit<SystemConfig<DecoderFields>, 'presets'> = {
  schema: decoderSchema,
  trainable: TRAINABLE_DECODERS,
  fault: (fields) => faultOfDecoder(fields),
  facts: factsOfDecoder,
  sized: sizedDecoder,
  describe: describeDecoder,
};

/** How checkpoints of decoders are read, but for how those of each system are told. */
export const DECODER_CHECKPOINT: Omit<SystemCheckpoint<DecoderFields>, 'recognise'> = {
  key: 'model',
  ignored: DECODER_BUFFERS,
  classRows: () => ({ parameter: 'cls_embedding.embedding_table.weight', first: 0 }),
};

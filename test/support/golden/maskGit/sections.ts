import type { JSONSchemaType } from 'ajv';
import { readJsonFile, validator } from '../../../../src/jsonFile.js';
import type { OriginalFields } from './originalNetwork.js';
import type { V1Fields } from './v1Network.js';

/** What a set of MaskGIT tells beside the network's configuration; parts may be left out. */
export interface Sections {
  /** How its batch was masked. */
  readonly train: { readonly drop_label: number; readonly sched_mode: string };
  /** Fields of another network, one that joins tokens. */
  readonly proj2?: object;
  readonly oddheads?: { readonly embed_dim: number; readonly num_heads: number };
  /** With how it samples. */
  readonly google?: OriginalFields & { readonly generate?: unknown };
  readonly v1?: V1Fields & { readonly generate?: unknown };
}

const count = { type: 'integer', minimum: 1 } as const;

function whole<Name extends string>(...names: readonly Name[]) {
  return {
    type: 'object',
    nullable: true,
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, count])),
  };
}

const schema = {
  type: 'object',
  required: [],
  properties: {
    train: {
      type: 'object',
      default: {},
      required: [],
      properties: {
        drop_label: { type: 'number', default: 0.1 },
        sched_mode: { type: 'string', default: 'arccos' },
      },
    },
    proj2: { type: 'object', nullable: true, required: [] },
    oddheads: whole('embed_dim', 'num_heads'),
    google: whole(
      'codebook_size',
      'vocab_size',
      'hidden_size',
      'num_hidden_layers',
      'num_attention_heads',
      'intermediate_size',
      'max_position_embeddings',
    ),
    v1: whole('hidden_dim', 'codebook_size', 'f_factor', 'depth', 'heads', 'mlp_dim', 'nclass'),
  },
} as unknown as JSONSchemaType<Sections>;
const parse = validator(schema);

/** Reads what a set's json tells beside the configuration. @param source the json */
export function sectionsOf(source: string): Sections {
  return parse(readJsonFile(source), source);
}

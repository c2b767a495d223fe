import type { JSONSchemaType } from 'ajv';
import { readJsonFile, validator } from '../../../../src/jsonFile.js';

/** What a set of VAR tells beside the network's configuration. */
export interface VarSections {
  readonly train: { readonly label_smooth: number };
  readonly optim: {
    readonly lr: number;
    readonly betas: readonly number[];
    readonly eps: number;
    readonly weight_decay: number;
    readonly clip: number;
    readonly steps: number;
  };
}

/** A part of a picture, in shares of its sides. */
export interface EditBox {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
  readonly inpainting: boolean;
}

/** A generation case. */
export interface VarCase {
  readonly id: number;
  readonly class_labels: readonly number[];
  readonly cfg: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly more_smooth: boolean;
  readonly edit?: EditBox | null;
}

const number = { type: 'number' } as const;
const share = { type: 'number', minimum: 0, maximum: 1 } as const;

const sectionsSchema = {
  type: 'object',
  required: ['train', 'optim'],
  properties: {
    train: { type: 'object', required: ['label_smooth'], properties: { label_smooth: share } },
    optim: {
      type: 'object',
      required: ['lr', 'betas', 'eps', 'weight_decay', 'clip', 'steps'],
      properties: {
        ...{ lr: number, eps: number, weight_decay: number, clip: number },
        betas: { type: 'array', items: number, minItems: 2, maxItems: 2 },
        steps: { type: 'integer', minimum: 1 },
      },
    },
  },
} as unknown as JSONSchemaType<VarSections>;

const caseSchema = {
  type: 'object',
  required: ['id', 'class_labels', 'cfg', 'top_k', 'top_p', 'more_smooth'],
  properties: {
    id: { type: 'integer', minimum: 0 },
    class_labels: { type: 'array', items: { type: 'integer' }, minItems: 1 },
    cfg: { type: 'number', minimum: 0 },
    top_k: { type: 'integer', minimum: 0 },
    top_p: share,
    more_smooth: { type: 'boolean' },
    edit: {
      type: 'object',
      nullable: true,
      required: ['y0', 'x0', 'y1', 'x1', 'inpainting'],
      properties: { y0: share, x0: share, y1: share, x1: share, inpainting: { type: 'boolean' } },
    },
  },
} as unknown as JSONSchemaType<VarCase>;

const parse = validator(sectionsSchema);
const parseFields = validator(caseSchema);

/** Reads what a set's json tells beside the configuration. @param source the json */
export function sectionsOf(source: string): VarSections {
  return parse(readJsonFile(source), source);
}

/** Reads a generation case. @param source the json, for messages */
export function parseVarCase(value: unknown, source: string): VarCase {
  return parseFields(value, `${source}: a case`);
}

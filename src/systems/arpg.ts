import type { JSONSchemaType } from 'ajv';
import {
  type ArpgConfig,
  arpgPrefill,
  arpgStep,
  arpgTeacherForced,
  embeddingRows,
} from '../../graphs/arpg.js';
import { CLASS_ROTARY_INDEX, type Grid } from '../../graphs/rotary.js';
import { swiGluHidden } from '../../graphs/transformer.js';
import type { Condition } from '../conditions/condition.js';
import { type CachedPass, cachedSteps } from '../sampling/cachedSteps.js';
import { guidanceScale } from '../sampling/guidance.js';
import { uniformFor } from '../random/draws.js';
import { randomOrder } from '../sampling/order.js';
import { type Plan, type PlanRequest, predictedPositions } from '../sampling/plan.js';
import { type PictureRequest, type Row, rowsOf, type SamplingOptions } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { SCHEDULES, tokensPerStep } from '../sampling/schedule.js';
import { intTensor } from '../targets/target.js';
import { faultOfHeads, faultOfParameters, faultOfSquare, positive } from './configFaults.js';
import { DECODER_CONFIG, decoderNetwork } from './decoderFields.js';
import { classRow, indexTable, intTable } from './inputs.js';
import { defineSystem, type System, type SystemDrawing, type TrainingExample } from './system.js';

/** A configuration with the official field names. */
export interface ArpgFields {
  readonly dim: number;
  readonly n_layer: number;
  readonly n_head: number;
  readonly vocab_size: number;
  readonly num_classes: number;
  /** Tokens of an image. */
  readonly block_size: number;
  readonly multiple_of: number;
  readonly rope_base: number;
  readonly norm_eps: number;
  /** Not a published field: tokens also carry their position as such, which the published models do without. */
  readonly absolute_positions: boolean;
}

const schema: JSONSchemaType<ArpgFields> = {
  type: 'object',
  required: ['dim', 'n_layer', 'n_head'],
  properties: {
    dim: { ...positive, maximum: 65536 },
    n_layer: { ...positive, maximum: 1024 },
    n_head: { ...positive, maximum: 1024 },
    vocab_size: { ...positive, default: 16384 },
    num_classes: { ...positive, default: 1000 },
    block_size: { ...positive, maximum: 65536, default: 256 },
    multiple_of: { ...positive, maximum: 65536, default: 256 },
    rope_base: { type: 'number', exclusiveMinimum: 0, default: 10000 },
    norm_eps: { type: 'number', exclusiveMinimum: 0, default: 1e-5 },
    absolute_positions: { type: 'boolean', default: false },
  },
};

const published = {
  vocab_size: 16384,
  num_classes: 1000,
  block_size: 256,
  multiple_of: 256,
  rope_base: 10000,
  norm_eps: 1e-5,
  absolute_positions: false,
};

/** About how many parameters a configuration asks for: embeddings, head, attention and feed-forward layers. */
function countParameters(config: ArpgFields): number {
  const { dim, n_layer, vocab_size, num_classes, block_size, multiple_of } = config;
  const hidden = swiGluHidden(dim, multiple_of);
  return dim * (2 * vocab_size + num_classes + block_size + n_layer * (4 * dim + 3 * hidden));
}

function fault(config: ArpgFields): string | undefined {
  return (
    (config.n_layer % 2 === 0
      ? undefined
      : 'n_layer must be even: half the layers decode content, half decode queries') ??
    faultOfHeads(config.dim, config.n_head) ??
    faultOfParameters(countParameters(config), 'dim, n_layer, vocab_size, num_classes') ??
    faultOfSquare(config.block_size)
  );
}

/** The configuration as the graph takes it. */
export function arpgNetwork(fields: ArpgFields): ArpgConfig {
  return { ...decoderNetwork(fields), absolutePositions: fields.absolute_positions };
}

/** The row of a condition in the embedding table. */
function rowOfCondition(config: ArpgConfig, condition: Condition): number {
  return condition.kind === 'class'
    ? embeddingRows.classLabel(config, condition.index)
    : embeddingRows.nullClass(config);
}

/** The steps predict few tokens first and many last; each feeds what the one before drew, the first the class token. */
function plan(_: ArpgFields, { predicted, known, steps, schedule, rows: batch }: PlanRequest): Plan {
  let fed = 1;
  let past = known;
  const prefill = known > 0 ? [{ graph: 'prefill', sizes: { batch, content: known } }] : [];
  return {
    steps: tokensPerStep(predicted, steps, schedule).map((predicts, step) => {
      const sizes = { batch, content: fed, queries: predicts, past };
      past += fed;
      fed = predicts;
      return { predicts, runs: [...(step === 0 ? prefill : []), { graph: 'step', sizes }] };
    }),
  };
}

/** A token's row in the embedding table and its place in the RoPE table. */
interface Content {
  readonly id: number;
  readonly place: number;
}

function contentInputs(content: readonly (readonly Content[])[]): CachedPass['inputs'] {
  return {
    content_ids: intTable(content.map((row) => row.map(({ id }) => id))),
    content_positions: intTable(content.map((row) => row.map(({ place }) => place))),
  };
}

/** The class token, then the tokens that are given: all but the last are prefilled, which the first step feeds. */
function firstContent(row: Row, pictures: readonly PictureRequest[], config: ArpgConfig): readonly Content[] {
  const { known } = pictures[row.picture]!;
  const given = [...(known?.keep ?? [])].map((position) => ({
    id: known!.tokens[position]!,
    place: position + 1,
  }));
  return [{ id: rowOfCondition(config, row.condition), place: CLASS_ROTARY_INDEX }, ...given];
}

function sample(
  run: GraphRunner,
  fields: ArpgFields,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
) {
  const config = arpgNetwork(fields);
  const rows = rowsOf(pictures, options);
  const predicted = predictedPositions(planned);
  const first = rows.map((row) => firstContent(row, pictures, config));
  const positionsOf = ({ picture }: Row, step: number) => predicted(pictures[picture]!.order, step);
  return cachedSteps(run, planned, pictures, grid.height * grid.width, options, {
    ...(first[0]!.length > 1 && {
      prefill: { graph: 'prefill', inputs: contentInputs(first.map((row) => row.slice(0, -1))) },
    }),
    pass: (step, tokens) => {
      const fed = (row: Row) =>
        positionsOf(row, step - 1).map((place) => ({ id: tokens[row.picture]![place]!, place: place + 1 }));
      const content = step === 0 ? first.map((row) => row.slice(-1)) : rows.map(fed);
      const queries = rows.map((row) => positionsOf(row, step).map((position) => position + 1));
      return { graph: 'step', inputs: { ...contentInputs(content), query_positions: intTable(queries) } };
    },
    scale: (_step, _before, known) => guidanceScale(options.guidance, options.guidanceSchedule, known),
  });
}

/** What predictions rest on where a share of the pictures is predicted from the class alone. */
function contextOf(classAlone: number) {
  if (classAlone === 0) return 'before';
  return classAlone === 1 ? 'class' : 'known';
}

/** Every image in an order of its own; the null class is the one after the last. */
function batch(
  { num_classes, block_size }: ArpgFields,
  examples: readonly TrainingExample[],
  seed: number,
  classAlone: number,
) {
  const knownOf = ({ draw }: TrainingExample) =>
    uniformFor(seed, draw, 0, 'classAlone') < classAlone ? 0 : block_size;
  return {
    tokens: indexTable(examples),
    class_ids: intTensor(
      [examples.length],
      examples.map(({ condition }) => classRow(condition, num_classes)),
    ),
    orders: intTable(examples.map(({ draw }) => randomOrder(block_size, seed, draw))),
    ...(contextOf(classAlone) === 'known' && { known: intTensor([examples.length], examples.map(knownOf)) }),
  };
}

const DEFAULT_STEPS = 64;

/** What pages need of the system. */
export const drawing: SystemDrawing<ArpgFields> = {
  noGuidance: 1,
  settings: {},
  defaults: (_, { height, width }) => ({
    steps: Math.min(DEFAULT_STEPS, height * width),
    schedule: 'arccos',
    guidance: 4,
    guidanceSchedule: 'linear',
  }),
  plan,
  sample,
};

/** ARPG: randomised parallel decoding with queries that no token depends on (arXiv 2503.10568). */
export const system: System<ArpgFields> = /* @__PURE__ */ defineSystem(() => ({
  name: 'arpg',
  title: 'ARPG',
  paper: '2503.10568',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: true, grids: true, order: true },
  choices: { schedules: SCHEDULES, steps: true, guidance: 'null + (class − null)·G' },
  config: {
    schema,
    presets: {
      'ARPG-L': { config: { dim: 1024, n_layer: 24, n_head: 16, ...published }, guidance: 5 },
      'ARPG-XL': { config: { dim: 1280, n_layer: 36, n_head: 20, ...published }, guidance: 6 },
      'ARPG-XXL': { config: { dim: 1536, n_layer: 48, n_head: 24, ...published }, guidance: 7.5 },
    },
    trainable: {
      small: { dim: 192, n_layer: 6, n_head: 6, multiple_of: 64, absolute_positions: true },
      medium: { dim: 256, n_layer: 8, n_head: 8, multiple_of: 64, absolute_positions: true },
    },
    fault,
    facts: DECODER_CONFIG.facts,
    sized: DECODER_CONFIG.sized,
    describe: ({ dim, n_layer, n_head, absolute_positions }) =>
      `dim ${dim}, ${n_layer} layers, ${n_head} heads${absolute_positions ? ', absolute positions' : ''}`,
    caution: ({ absolute_positions }) =>
      absolute_positions
        ? 'this generator has absolute_positions (its config.json), which the official code leaves out: pictures drawn there come out wrong'
        : undefined,
  },
  checkpoint: {
    key: 'model',
    recognise: (names) => names.has('embeddings.weight') && names.has('layers.cross_dec.0.attn.to_q.weight'),
    ignored: [/(^|\.)freqs_cis$/],
    // Tokens and [MASK] come first, the null class and the position after the classes.
    classRows: (config) => ({
      parameter: 'embeddings.weight',
      first: embeddingRows.classLabel(arpgNetwork(config), 0),
    }),
  },
  recipe: { conditionDropout: 0.1, dropout: 0.1, classAlone: 0 },
  graphs: (fields, options) => {
    const config = arpgNetwork(fields);
    return {
      step: () => arpgStep(config, options?.grid, options?.ropeScaling),
      prefill: () => arpgPrefill(config, options?.grid, options?.ropeScaling),
    };
  },
  training: (fields, { dropout = 0, classAlone = 0 } = {}) => ({
    graph: arpgTeacherForced(arpgNetwork(fields), { dropout, context: contextOf(classAlone) }),
    batch: (examples, seed) => batch(fields, examples, seed, classAlone),
  }),
  ...drawing,
}));

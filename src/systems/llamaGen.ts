import { llamaGenStep, llamaGenTeacherForced } from '../../graphs/llamaGen.js';
import type { Grid } from '../../graphs/rotary.js';
import { cachedSteps } from '../sampling/cachedSteps.js';
import { guidanceScale } from '../sampling/guidance.js';
import { rasterOrder } from '../sampling/order.js';
import type { Plan, PlanRequest } from '../sampling/plan.js';
import { type PictureRequest, rowsOf, type SamplingOptions } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import {
  DECODER_CHECKPOINT,
  DECODER_CONFIG,
  decoderBatch,
  type DecoderFields,
  decoderNetwork,
  type DecoderSize,
  publishedDecoder,
} from './decoderFields.js';
import { contentInputs } from './decoderStep.js';
import { defineSystem, type System, type SystemDrawing } from './system.js';

/** One token at each step; the first feeds the class, the others the token before. */
function plan(_: DecoderFields, { predicted, steps, rows: batch }: PlanRequest): Plan {
  if (steps !== predicted)
    throw new RangeError(`${steps} steps for ${predicted} tokens: there must be as many`);
  return {
    steps: Array.from({ length: predicted }, (_step, past) => {
      const isFirst = past === 0;
      const sizes = { batch, prefix: isFirst ? 1 : 0, tokens: isFirst ? 0 : 1, past };
      return { predicts: 1, runs: [{ graph: 'step', sizes }] };
    }),
  };
}

function sample(
  run: GraphRunner,
  fields: DecoderFields,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
) {
  const rows = rowsOf(pictures, options);
  return cachedSteps(run, planned, pictures, grid.height * grid.width, options, {
    pass: (step, tokens) => {
      const isFirst = step === 0;
      const positions = rows.map(() => (isFirst ? [] : [step - 1]));
      return { graph: 'step', inputs: contentInputs(fields, rows, { isFirst, positions, tokens }) };
    },
    scale: (_step, _before, known) => guidanceScale(options.guidance, options.guidanceSchedule, known),
  });
}

const ownOrder = (_: DecoderFields, { height, width }: Grid) => rasterOrder(height * width);

/** What pages need of the system. */
export const drawing: SystemDrawing<DecoderFields> = {
  noGuidance: 1,
  settings: {},
  defaults: (_, { height, width }) => ({
    steps: height * width,
    schedule: '',
    guidance: 2,
    guidanceSchedule: 'constant',
  }),
  ownOrder,
  plan,
  sample,
};

const preset = (size: DecoderSize, side: number, guidance: number) => ({
  config: publishedDecoder(size, side ** 2),
  guidance,
});

/** LlamaGen: the next token in raster order (arXiv 2406.06525). */
export const system: System<DecoderFields> = /* @__PURE__ */ defineSystem(() => ({
  name: 'llamagen',
  title: 'LlamaGen',
  paper: '2406.06525',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: false, grids: false, order: false },
  choices: { schedules: [], steps: false, fixedSteps: 'one per token', guidance: 'null + (class − null)·G' },
  config: {
    ...DECODER_CONFIG,
    presets: {
      'LlamaGen-B-256': preset('B', 16, 2),
      'LlamaGen-B-384': preset('B', 24, 2),
      'LlamaGen-L-256': preset('L', 16, 2),
      'LlamaGen-L-384': preset('L', 24, 2),
      'LlamaGen-XL-256': preset('XL', 16, 1.75),
      'LlamaGen-XL-384': preset('XL', 24, 1.75),
      'LlamaGen-XXL-256': preset('XXL', 16, 1.75),
      'LlamaGen-XXL-384': preset('XXL', 24, 1.75),
      'LlamaGen-3B-256': preset('3B', 16, 1.65),
      'LlamaGen-3B-384': preset('3B', 24, 1.65),
    },
  },
  checkpoint: {
    ...DECODER_CHECKPOINT,
    recognise: (names) =>
      names.has('layers.0.attention.wqkv.weight') &&
      names.has('cls_embedding.embedding_table.weight') &&
      ![
        'pos_instruct_embeddings',
        'spe_tok_embeddings.special_embeddings.weight',
        'medusa_output.weight',
      ].some((other) => names.has(other)),
  },
  recipe: { conditionDropout: 0.1, dropout: 0.1 },
  graphs: (fields, options) => {
    const config = decoderNetwork(fields);
    return { step: () => llamaGenStep(config, options?.grid, options?.ropeScaling) };
  },
  training: (fields, { dropout = 0 } = {}) => ({
    graph: llamaGenTeacherForced(decoderNetwork(fields), { dropout }),
    batch: (examples) => decoderBatch(fields, examples),
  }),
  ...drawing,
}));

import { randArStep, randArTeacherForced } from '../../graphs/randAr.js';
import type { Grid } from '../../graphs/rotary.js';
import { cachedSteps } from '../sampling/cachedSteps.js';
import { guidanceScale } from '../sampling/guidance.js';
import { randomOrder } from '../sampling/order.js';
import { type Plan, type PlanRequest, predictedPositions } from '../sampling/plan.js';
import { type PictureRequest, type Row, rowsOf, type SamplingOptions } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { requireSteps } from '../sampling/schedule.js';
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
import { intTable } from './inputs.js';
import { defineSystem, type System, type SystemDrawing } from './system.js';

/** Its own rule, in the shape of a cosine. */
const SCHEDULE = 'cosine';

/**
 * How many tokens each step predicts (docs/SYSTEMS.md, RandAR sampling); in float64, in the order written, since
 * rounding decides where a value is a whole number.
 */
function tokensOfSteps(positions: number, steps: number, schedule: string): readonly number[] {
  if (schedule !== SCHEDULE) throw new RangeError(`there is no schedule '${schedule}'`);
  requireSteps(positions, steps);
  const counts: number[] = [];
  let known = 0;
  for (let step = 0; step < steps; step++) {
    const wanted = Math.trunc((1 - Math.cos((Math.PI / 2) * ((step + 1) / steps))) * positions + 1);
    const most = positions - (steps - 1 - step);
    const after = step === steps - 1 ? positions : Math.min(most, Math.max(known + 1, wanted));
    counts.push(after - known);
    known = after;
  }
  return counts;
}

/** A step feeds what the one before drew, the first the class and what is given; all but the first query are not kept. */
function plan(_: DecoderFields, { predicted, known, steps, schedule, rows: batch }: PlanRequest): Plan {
  let [prefix, tokens, past] = [1, known, 0];
  return {
    steps: tokensOfSteps(predicted, steps, schedule).map((predicts) => {
      const sizes = { batch, prefix, tokens, more: predicts - 1, past };
      past += 2 * (prefix + tokens);
      [prefix, tokens] = [0, predicts];
      return { predicts, runs: [{ graph: 'step', sizes }] };
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
  const predicted = predictedPositions(planned);
  const positionsOf = ({ picture }: Row, step: number) => predicted(pictures[picture]!.order, step);
  const fedBefore = (row: Row, step: number): readonly number[] =>
    step === 0 ? [...(pictures[row.picture]!.known?.keep ?? [])] : positionsOf(row, step - 1);
  // Row 0 of the table is the class, row 1 + p raster position p.
  const places = (positions: readonly number[]) => positions.map((position) => position + 1);
  return cachedSteps(run, planned, pictures, grid.height * grid.width, options, {
    pass: (step, tokens) => {
      const fed = rows.map((row) => fedBefore(row, step));
      const asked = rows.map((row) => positionsOf(row, step));
      const inputs = {
        ...contentInputs(fields, rows, { isFirst: step === 0, positions: fed, tokens }),
        // After each comes the instruction of the next; after the last that of the first query.
        next_positions: intTable(
          fed.map((own, row) => places([...(step === 0 ? own : own.slice(1)), asked[row]![0]!])),
        ),
        query_positions: intTable(asked.map((own) => places(own.slice(1)))),
      };
      return { graph: 'step', inputs };
    },
    scale: (_step, known) => guidanceScale(options.guidance, options.guidanceSchedule, known),
  });
}

const DEFAULT_STEPS = 88;

/** What pages need of the system. */
export const drawing: SystemDrawing<DecoderFields> = {
  noGuidance: 1,
  settings: {},
  defaults: (_, { height, width }) => ({
    steps: Math.min(DEFAULT_STEPS, height * width),
    schedule: SCHEDULE,
    guidance: 4,
    guidanceSchedule: 'linear',
  }),
  plan,
  sample,
};

const preset = (size: DecoderSize) => ({ config: publishedDecoder(size, 256), guidance: 4 });

/** RandAR: random orders, told by instruction tokens (arXiv 2412.01827). */
export const system: System<DecoderFields> = /* @__PURE__ */ defineSystem(() => ({
  name: 'randar',
  title: 'RandAR',
  paper: '2412.01827',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: true, grids: true, order: true },
  choices: {
    schedules: [SCHEDULE],
    steps: true,
    guidance: 'null + (class − null)·G',
  },
  config: {
    ...DECODER_CONFIG,
    presets: {
      'RandAR-B': preset('B'),
      'RandAR-L': preset('L'),
      'RandAR-XL': preset('XL'),
      'RandAR-XXL': preset('XXL'),
    },
  },
  checkpoint: {
    ...DECODER_CHECKPOINT,
    recognise: (names) => names.has('layers.0.attention.wqkv.weight') && names.has('pos_instruct_embeddings'),
  },
  recipe: { conditionDropout: 0.1, dropout: 0.1 },
  graphs: (fields, options) => {
    const config = decoderNetwork(fields);
    return { step: () => randArStep(config, options?.grid, options?.ropeScaling) };
  },
  training: (fields, { dropout = 0 } = {}) => ({
    graph: randArTeacherForced(decoderNetwork(fields), { dropout }),
    batch: (examples, seed) => ({
      ...decoderBatch(fields, examples),
      orders: intTable(examples.map(({ draw }) => randomOrder(fields.block_size, seed, draw))),
    }),
  }),
  ...drawing,
}));

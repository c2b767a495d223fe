import type { JSONSchemaType } from 'ajv';
import {
  CLASS_PLACE,
  diagonalLengths,
  diagonalOrder,
  type Sources,
  sourcesOf,
} from '../../graphs/diagonals.js';
import { type NarConfig, narStep, narTeacherForced } from '../../graphs/nar.js';
import type { Grid } from '../../graphs/rotary.js';
import { cachedSteps } from '../sampling/cachedSteps.js';
import {
  knownBefore,
  type Plan,
  type PlanRequest,
  predictedPositions,
  requireFixedSteps,
} from '../sampling/plan.js';
import { type PictureRequest, type Row, rowsOf, type SamplingOptions } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { floatTensor } from '../targets/target.js';
import { positive } from './configFaults.js';
import {
  DECODER_CHECKPOINT,
  DECODER_CONFIG,
  decoderBatch,
  type DecoderFields,
  decoderNetwork,
  decoderProperties,
  decoderRequired,
  type DecoderSize,
  describeDecoder,
  faultOfDecoder,
  publishedDecoder,
} from './decoderFields.js';
import { contentInputs } from './decoderStep.js';
import { intervalOf, scaleOf } from './guidanceInterval.js';
import { intTable } from './inputs.js';
import { GUIDANCE_INTERVAL } from './settings.js';
import { defineSystem, type System, type SystemDrawing } from './system.js';

/** A decoder's fields and that of NAR alone. */
export interface NarFields extends DecoderFields {
  /** Layers between the first head and the second. */
  readonly medusa_attention_num: number;
}

const schema: JSONSchemaType<NarFields> = {
  type: 'object',
  required: decoderRequired,
  properties: {
    ...decoderProperties,
    medusa_attention_num: { ...positive, maximum: 1024, default: 1 },
  },
};

/** What is wrong with fields that the schema accepts; undefined where nothing is. */
function fault(fields: NarFields): string | undefined {
  const layers = fields.n_layer + fields.medusa_attention_num;
  return faultOfDecoder({ ...fields, n_layer: layers }, ['medusa_attention_num']);
}

/** The configuration as the graphs take it. */
export function narNetwork(fields: NarFields): NarConfig {
  return { ...decoderNetwork(fields), belowLayers: fields.medusa_attention_num };
}

/** A step feeds what the one before drew, the first the class, and predicts an anti-diagonal. */
function plan(_: NarFields, request: PlanRequest): Plan {
  const { grid, rows: batch } = request;
  const counts = diagonalLengths(grid);
  requireFixedSteps(counts, request);
  let [prefix, tokens, past] = [1, 0, 0];
  return {
    steps: counts.map((predicts) => {
      const sizes = { batch, prefix, tokens, queries: predicts, past };
      past += prefix + tokens;
      [prefix, tokens] = [0, predicts];
      return { predicts, runs: [{ graph: 'step', sizes }] };
    }),
  };
}

/**
 * Which steps are guided (docs/SYSTEMS.md, NAR sampling).
 * @param interval the number of tokens up to which there is guidance; always where it is left out
 */
export function guidedSteps(
  _: NarFields,
  planned: Plan,
  interval = Number.POSITIVE_INFINITY,
): readonly boolean[] {
  return knownBefore(planned).map((known) => known <= interval);
}

function sample(
  run: GraphRunner,
  fields: NarFields,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
) {
  const rows = rowsOf(pictures, options);
  const predicted = predictedPositions(planned);
  const guided = guidedSteps(fields, planned, intervalOf(options.own));
  const positionsOf = ({ picture }: Row, step: number) => predicted(pictures[picture]!.order, step);
  return cachedSteps(run, planned, pictures, grid.height * grid.width, options, {
    pass: (step, tokens) => {
      const isFirst = step === 0;
      const positions = rows.map((row) => (isFirst ? [] : positionsOf(row, step - 1)));
      const fed = isFirst ? rows.map(() => [CLASS_PLACE]) : positions;
      const sources = rows.map((row) => positionsOf(row, step).map((position) => sourcesOf(grid, position)));
      const entries = (head: keyof Sources) =>
        intTable(sources.map((own, row) => own.map((source) => fed[row]!.indexOf(source[head].place))));
      const shares = (head: keyof Sources) => {
        const weights = sources.flatMap((own) => own.map((source) => source[head].weight));
        return floatTensor([rows.length, sources[0]!.length], weights);
      };
      const inputs = {
        ...contentInputs(fields, rows, { isFirst, positions, tokens }),
        right_indices: entries('right'),
        below_indices: entries('below'),
        right_weights: shares('right'),
        below_weights: shares('below'),
      };
      return { graph: 'step', inputs };
    },
    scale: (step, _before, known) => scaleOf(options, guided[step]!, known),
  });
}

/** What pages need of the system. */
export const drawing: SystemDrawing<NarFields> = {
  settings: { guidanceInterval: GUIDANCE_INTERVAL },
  noGuidance: 1,
  defaults: (_, grid) => ({
    steps: diagonalLengths(grid).length,
    schedule: '',
    guidance: 1.5,
    guidanceSchedule: 'constant',
  }),
  ownOrder: (_, grid) => diagonalOrder(grid),
  plan,
  sample,
};

const preset = (size: DecoderSize, side: number, guidance?: number) => ({
  config: { ...publishedDecoder(size, side ** 2), medusa_attention_num: 1 },
  ...(guidance !== undefined && { guidance }),
});

/** NAR: one anti-diagonal at once, with a head for the token to the right and one for that below (arXiv 2503.10696). */
export const system: System<NarFields> = /* @__PURE__ */ defineSystem<NarFields>(() => ({
  name: 'nar',
  title: 'NAR',
  paper: '2503.10696',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: false, grids: true, order: false },
  choices: {
    schedules: [],
    steps: false,
    fixedSteps: 'one per anti-diagonal',
    guidance: 'null + (class − null)·G',
  },
  config: {
    ...DECODER_CONFIG,
    schema,
    presets: {
      'NAR-B-256': preset('B', 16, 2),
      'NAR-M-256': preset('M', 16),
      'NAR-L-256': preset('L', 16),
      'NAR-XL-256': preset('XL', 16),
      'NAR-XXL-256': preset('XXL', 16),
      'NAR-L-384': preset('L', 24),
    },
    fault,
    describe: (fields) =>
      `${describeDecoder(fields)}, ${fields.medusa_attention_num} more for the second head`,
  },
  checkpoint: {
    ...DECODER_CHECKPOINT,
    recognise: (names) => names.has('layers.0.attention.wqkv.weight') && names.has('medusa_output.weight'),
  },
  recipe: { conditionDropout: 0.1, dropout: 0.1 },
  graphs: (fields, options) => {
    const config = narNetwork(fields);
    return { step: () => narStep(config, options?.grid, options?.ropeScaling) };
  },
  training: (fields, { dropout = 0 } = {}) => ({
    graph: narTeacherForced(narNetwork(fields), { dropout }),
    batch: (examples) => decoderBatch(fields, examples),
  }),
  ...drawing,
}));

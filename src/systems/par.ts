import type { JSONSchemaType } from 'ajv';
import { type ParConfig, parStep, parTeacherForced } from '../../graphs/par.js';
import { regionOrder, regionRoot } from '../../graphs/regions.js';
import type { Grid } from '../../graphs/rotary.js';
import { cachedSteps } from '../sampling/cachedSteps.js';
import { type Plan, type PlanRequest, predictedPositions, requireFixedSteps } from '../sampling/plan.js';
import { type PictureRequest, rowsOf, type SamplingOptions } from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
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

/** A decoder's fields and those of PAR alone. */
export interface ParFields extends DecoderFields {
  /** Regions of the grid, and tokens that are drawn at once. */
  readonly ar_token_num: number;
  /** Special embeddings: one less. */
  readonly spe_token_num?: number | null;
}

const schema: JSONSchemaType<ParFields> = {
  type: 'object',
  required: decoderRequired,
  properties: {
    ...decoderProperties,
    ar_token_num: { ...positive, maximum: 65536, default: 4 },
    spe_token_num: { type: 'integer', minimum: 0, maximum: 65536, nullable: true },
  },
};

/** What is wrong with the regions; undefined where nothing is. */
function faultOfRegions({ ar_token_num: regions, spe_token_num, block_size }: ParFields): string | undefined {
  const root = Math.sqrt(regions);
  const side = Math.sqrt(block_size);
  if (!Number.isInteger(root)) return `ar_token_num ${regions} is not a square number`;
  if (side % root !== 0)
    return `ar_token_num ${regions}: its root ${root} must divide the side of the grid, which is ${side}`;
  return (spe_token_num ?? regions - 1) === regions - 1
    ? undefined
    : `spe_token_num ${spe_token_num} must be ar_token_num − 1 = ${regions - 1}`;
}

/** The configuration as the graphs take it. */
export function parNetwork(fields: ParFields): ParConfig {
  return { ...decoderNetwork(fields), regions: fields.ar_token_num };
}

/** How many tokens each step predicts: one token of each region by itself, then groups of one token of each. */
function tokensOfSteps(regions: number, { height, width }: Grid): readonly number[] {
  const groups = (height * width) / regions - 1;
  return [...Array<number>(regions).fill(1), ...Array<number>(groups).fill(regions)];
}

/** The first steps feed the class and one token each, then the special entries come in, then a group of tokens each. */
function plan({ ar_token_num: regions }: ParFields, request: PlanRequest): Plan {
  const { grid, rows: batch } = request;
  const counts = tokensOfSteps(regions, grid);
  requireFixedSteps(counts, request);
  let past = 0;
  return {
    steps: counts.map((predicts, step) => {
      const tokens = step === 0 ? 0 : counts[step - 1]!;
      const sizes = { batch, prefix: step === 0 ? 1 : 0, tokens, special: specialsOf(step, regions), past };
      past += sizes.prefix + sizes.tokens + sizes.special;
      return { predicts, runs: [{ graph: 'step', sizes }] };
    }),
  };
}

/** How many special entries a step feeds: all of them in the one between single tokens and groups. */
const specialsOf = (step: number, regions: number): number => (step === regions ? regions - 1 : 0);

/**
 * Which steps are guided (docs/SYSTEMS.md, PAR sampling). The count of tokens starts again with the groups.
 * @param interval the number of tokens up to which there is guidance; always where it is left out
 */
export function guidedSteps(
  { ar_token_num: regions }: Pick<ParFields, 'ar_token_num'>,
  { steps }: Plan,
  interval = Number.POSITIVE_INFINITY,
): readonly boolean[] {
  return steps.map((_, step) => {
    const count = step < regions ? Math.max(0, step - 1) : (step - regions) * regions;
    return count <= interval;
  });
}

function sample(
  run: GraphRunner,
  fields: ParFields,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
) {
  const rows = rowsOf(pictures, options);
  const predicted = predictedPositions(planned);
  const guided = guidedSteps(fields, planned, intervalOf(options.own));
  return cachedSteps(run, planned, pictures, grid.height * grid.width, options, {
    pass: (step, tokens) => {
      const isFirst = step === 0;
      const special = Array.from({ length: specialsOf(step, fields.ar_token_num) }, (_, id) => id);
      const fed = rows.map(({ picture }) => (isFirst ? [] : predicted(pictures[picture]!.order, step - 1)));
      const inputs = {
        ...contentInputs(fields, rows, { isFirst, positions: fed, tokens }),
        special_ids: intTable(rows.map(() => special)),
      };
      return { graph: 'step', inputs };
    },
    scale: (step, _before, known) => scaleOf(options, guided[step]!, known),
  });
}

/** What pages need of the system. */
export const drawing: SystemDrawing<ParFields> = {
  settings: { guidanceInterval: GUIDANCE_INTERVAL },
  noGuidance: 1,
  defaults: ({ ar_token_num }, grid) => ({
    steps: tokensOfSteps(ar_token_num, grid).length,
    schedule: '',
    guidance: 1.5,
    guidanceSchedule: 'constant',
  }),
  ownOrder: ({ ar_token_num }, grid) => regionOrder(grid, ar_token_num),
  gridFault({ ar_token_num }, { height, width }) {
    const root = regionRoot(ar_token_num);
    return height % root === 0 && width % root === 0
      ? undefined
      : `its ${ar_token_num} regions lie ${root} by ${root}: both sides must be multiples of ${root} tokens`;
  },
  plan,
  sample,
};

const preset = (size: DecoderSize, regions: number, guidance?: number) => ({
  config: { ...publishedDecoder(size, 24 ** 2), ar_token_num: regions, spe_token_num: regions - 1 },
  ...(guidance !== undefined && { guidance }),
});

/** PAR: one token of each region at once (arXiv 2412.15119). */
export const system: System<ParFields> = /* @__PURE__ */ defineSystem<ParFields>(() => ({
  name: 'par',
  title: 'PAR',
  paper: '2412.15119',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: false, grids: true, order: false },
  choices: {
    schedules: [],
    steps: false,
    fixedSteps: 'one per region, then one per further token of a region',
    guidance: 'null + (class − null)·G',
  },
  config: {
    ...DECODER_CONFIG,
    schema,
    presets: {
      'PAR-B-4x': preset('B', 4),
      'PAR-L-4x': preset('L', 4),
      'PAR-XL-4x': preset('XL', 4, 1.5),
      'PAR-XXL-4x': preset('XXL', 4, 1.435),
      'PAR-3B-4x': preset('3B', 4, 1.345),
      'PAR-3B-16x': preset('3B', 16, 1.5),
    },
    fault: (fields) => faultOfDecoder(fields, ['ar_token_num', 'spe_token_num']) ?? faultOfRegions(fields),
    describe: (fields) => `${describeDecoder(fields)}, ${fields.ar_token_num} regions`,
  },
  checkpoint: {
    ...DECODER_CHECKPOINT,
    recognise: (names) =>
      names.has('layers.0.attention.wqkv.weight') &&
      names.has('spe_tok_embeddings.special_embeddings.weight'),
  },
  recipe: { conditionDropout: 0.1, dropout: 0.1 },
  graphs: (fields, options) => {
    const config = parNetwork(fields);
    return { step: () => parStep(config, options?.grid, options?.ropeScaling) };
  },
  training: (fields, { dropout = 0 } = {}) => ({
    graph: parTeacherForced(parNetwork(fields), { dropout }),
    batch: (examples) => decoderBatch(fields, examples),
  }),
  ...drawing,
}));

import type { Grid } from '../../graphs/rotary.js';
import { uniformFor } from '../random/draws.js';
import { guidanceScale } from '../sampling/guidance.js';
import { haltonOrder, rolled } from '../sampling/maskedSteps/halton.js';
import { type MaskedLoop, type MaskedPicture, maskedSteps } from '../sampling/maskedSteps/maskedSteps.js';
import { drawnNoise } from '../sampling/maskedSteps/noise.js';
import type { Plan, PlanRequest } from '../sampling/plan.js';
import {
  type PictureRequest,
  type Row,
  rowsOf,
  type SamplingOptions,
  type SettingValues,
  type StepReport,
} from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { intTensor } from '../targets/target.js';
import { classRow, intTable } from './inputs.js';
import { choiceFault, logitScaleAt, MASK_SAMPLERS, MASKGIT_SETTINGS, maskingOf } from './maskGitSettings.js';
import type { OrderDraw } from './orders.js';
import { filledSettings } from './settings.js';
import type { SystemDrawing } from './system.js';

/** What drawing needs to know of a network: the sizes of its vocabulary, named as in its configuration. */
export interface MaskedNetwork {
  readonly codebook_size: number;
  readonly nclass: number;
}

/** Halton order, which starts at a place that is drawn for the picture. */
function ownOrder(_: MaskedNetwork, grid: Grid, draw: OrderDraw, own: SettingValues): readonly number[] {
  const order = haltonOrder(grid);
  if (!maskingOf(own, false).roll) return order;
  return rolled(order, Math.floor(uniformFor(draw.seed, draw.index, 0, draw.purpose) * order.length));
}

/** Counts go over the tokens to predict; where those that are given are drawn over, over these as well. */
function plan(
  _: MaskedNetwork,
  { grid, predicted, known, steps, schedule, own, rows: batch }: PlanRequest,
): Plan {
  const { sampler, freeze } = maskingOf(own, known > 0);
  const positions = known === 0 || freeze ? predicted : grid.height * grid.width;
  const counts = MASK_SAMPLERS[sampler].counts(positions, steps, schedule);
  return {
    steps: counts.map((after, step) => ({
      predicts: after - (counts[step - 1] ?? 0),
      runs: [{ graph: 'step', sizes: { batch } }],
    })),
  };
}

/** The scale of a step, where 1 is the condition alone: linear guidance grows from nothing to all in the last step. */
function scaleAt({ guidance, guidanceSchedule }: SamplingOptions, step: number, steps: number): number {
  return guidanceScale(1 + guidance, guidanceSchedule, steps === 1 ? 1 : step / (steps - 1));
}

/**
 * How the loop draws with some settings.
 * @param rows of the batch
 * @param hasGiven whether tokens of the pictures are given, which are kept unless the settings say otherwise
 */
export function maskedLoop(
  network: MaskedNetwork,
  rows: readonly Row[],
  steps: number,
  options: SamplingOptions,
  hasGiven: boolean,
): MaskedLoop {
  const masking = maskingOf(filledSettings(MASKGIT_SETTINGS, options.own), hasGiven);
  return {
    rule: MASK_SAMPLERS[masking.sampler].rule(masking),
    mask: network.codebook_size,
    pass: (codes) => ({
      graph: 'step',
      inputs: {
        codes: intTable(rows.map(({ picture }) => Array.from(codes[picture]!))),
        class_ids: intTensor(
          [rows.length],
          rows.map(({ condition }) => classRow(condition, network.nclass)),
        ),
      },
    }),
    scale: (step) => scaleAt(options, step, steps),
    sharpness: (step) => logitScaleAt(masking.logitScale, step, steps),
  };
}

/** The codes that a picture starts with. @param mask the code of a masked token */
function initialCodes({ known }: PictureRequest, positions: number, mask: number): Int32Array {
  const codes = new Int32Array(positions).fill(mask);
  for (const position of known?.keep ?? []) codes[position] = known!.tokens[position]!;
  return codes;
}

/**
 * The order of all positions, for pictures whose given tokens are drawn over: these keep their places in the system's own
 * order, and come last in any other.
 */
function completeOrder(
  network: MaskedNetwork,
  grid: Grid,
  { order, known, index, isRedrawn = false }: PictureRequest,
  { seed, own }: SamplingOptions,
): readonly number[] {
  const draw = { seed, index, purpose: isRedrawn ? 'redrawnOrder' : 'order' } as const;
  const whole = ownOrder(network, grid, draw, filledSettings(MASKGIT_SETTINGS, own));
  const asked = whole.filter((position) => !known?.keep.has(position));
  const isOwn = asked.every((position, at) => position === order[at]);
  return isOwn ? whole : [...order, ...(known?.keep ?? [])];
}

function sample(
  run: GraphRunner,
  network: MaskedNetwork,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
): AsyncGenerator<StepReport, readonly Int32Array[]> {
  const positions = grid.height * grid.width;
  const hasGiven = pictures.some(({ known }) => known !== undefined && known.keep.size > 0);
  const { freeze } = maskingOf(filledSettings(MASKGIT_SETTINGS, options.own), hasGiven);
  const starts = pictures.map(
    (picture): MaskedPicture => ({
      codes: initialCodes(picture, positions, network.codebook_size),
      order: hasGiven && !freeze ? completeOrder(network, grid, picture, options) : picture.order,
      noise: drawnNoise(options.seed, positions, picture),
    }),
  );
  const loop = maskedLoop(network, rowsOf(pictures, options), planned.steps.length, options, hasGiven);
  return maskedSteps(run, planned, starts, options, loop);
}

/** What pages need of the system. */
export const drawing: SystemDrawing<MaskedNetwork> = {
  noGuidance: 0,
  settings: MASKGIT_SETTINGS,
  defaults: (_, { height, width }, own) => {
    const { usual } = MASK_SAMPLERS[maskingOf(own, false).sampler];
    return { ...usual, steps: Math.min(usual.steps, height * width) };
  },
  ownOrder,
  choiceFault: (_network, _grid, chosen) => choiceFault(chosen),
  plan,
  sample,
};

import type { Grid } from '../../graphs/rotary.js';
import { guidanceScale } from '../sampling/guidance.js';
import type { Plan, PlanRequest } from '../sampling/plan.js';
import {
  type PictureRequest,
  rowsOf,
  type SamplingOptions,
  type SettingValues,
} from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { keptCodes } from '../sampling/scaleSteps/keptCodes.js';
import { scaleNoise } from '../sampling/scaleSteps/noise.js';
import { type ScaleLoop, type ScalePicture, scaleSteps } from '../sampling/scaleSteps/scaleSteps.js';
import { intTensor } from '../targets/target.js';
import { classRow } from './inputs.js';
import { filledSettings, type SystemSettings } from './settings.js';
import type { SystemDrawing } from './system.js';
import { type VarFields, varNetwork } from './varFields.js';

const VAR_SETTINGS: SystemSettings = {
  moreSmooth: {
    kind: 'flag',
    description:
      'mixes the codes of each place instead of drawing one, which gives smoother pictures, but no tokens',
    default: false,
  },
};

/** Whether codes are mixed. */
const isSmooth = (own: SettingValues | undefined): boolean =>
  filledSettings(VAR_SETTINGS, own).moreSmooth === true;

/** One scale after the other, whatever of them is given. */
function plan({ patch_nums: sides }: VarFields, request: PlanRequest): Plan {
  const { steps, own, rows: batch } = request;
  if (steps !== sides.length)
    throw new RangeError(`${steps} steps for ${sides.length} scales: there must be one for each`);
  let past = 0;
  return {
    steps: sides.map((side, scale) => {
      const tokens = side ** 2;
      const runs = [{ graph: 'step', sizes: { batch, tokens, past } }];
      past += tokens;
      const isLast = scale === sides.length - 1;
      const next = { graph: `${isSmooth(own) ? 'mix' : 'scale'}.${scale}`, sizes: { batch }, isLight: true };
      return { predicts: tokens, runs: isLast && !isSmooth(own) ? runs : [...runs, next] };
    }),
  };
}

/** The codes of a picture that are given, scale by scale, −1 where one is drawn. */
function givenCodes({ known }: PictureRequest, sides: readonly number[]): Int32Array {
  const codes = new Int32Array(sides.reduce((sum, side) => sum + side ** 2, 0)).fill(-1);
  if (!known || known.keep.size === 0) return codes;
  const keep = Uint8Array.from({ length: sides.at(-1)! ** 2 }, (_, position) =>
    known.keep.has(position) ? 1 : 0,
  );
  const kept = keptCodes(keep, sides);
  return codes.map((none, position) => (kept[position] ? known.tokens[position]! : none));
}

/** What the loop needs of a picture. */
export function scalePicture(
  picture: PictureRequest,
  { patch_nums }: VarFields,
  { seed }: SamplingOptions,
): ScalePicture {
  return { noise: scaleNoise(seed, picture), given: givenCodes(picture, patch_nums) };
}

/** How the loop draws with some settings. */
export function scaleLoop(
  fields: VarFields,
  pictures: readonly PictureRequest[],
  options: SamplingOptions,
): ScaleLoop {
  const { quantizer, classes } = varNetwork(fields);
  const rows = rowsOf(pictures, options);
  return {
    ...quantizer,
    classIds: intTensor(
      [rows.length],
      rows.map(({ condition }) => classRow(condition, classes)),
    ),
    smooth: isSmooth(options.own),
    // None at the first scale, all at the last, where it is linear.
    scale: (progress) => guidanceScale(1 + options.guidance, options.guidanceSchedule, progress),
  };
}

function sample(
  run: GraphRunner,
  fields: VarFields,
  _plan: Plan,
  pictures: readonly PictureRequest[],
  _grid: Grid,
  options: SamplingOptions,
) {
  const starts = pictures.map((picture) => scalePicture(picture, fields, options));
  return scaleSteps(run, starts, options, scaleLoop(fields, pictures, options));
}

/** What pages need of the system. */
export const drawing: SystemDrawing<VarFields> = {
  settings: VAR_SETTINGS,
  noGuidance: 0,
  defaults: ({ patch_nums }) => ({
    steps: patch_nums.length,
    schedule: '',
    guidance: 1.5,
    guidanceSchedule: 'linear',
  }),
  ownOrder: (_, { height, width }) => Array.from({ length: height * width }, (_place, position) => position),
  drawnCodes: ({ vae_kwargs }, own) =>
    isSmooth(own) ? { kind: 'vectors', channels: vae_kwargs.z_channels } : undefined,
  plan,
  sample,
};

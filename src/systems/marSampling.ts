import { spacedDiffusion, spacedTimesteps } from '../../graphs/diffusionTables.js';
import type { Grid } from '../../graphs/rotary.js';
import { GraphError } from '../graph/graphError.js';
import { normalKey, type Purpose } from '../random/draws.js';
import { guidanceScale } from '../sampling/guidance.js';
import type { Plan, PlanRequest } from '../sampling/plan.js';
import {
  isGuided,
  type PictureRequest,
  rowsOf,
  type SamplingOptions,
  type SettingValues,
  type StepReport,
} from '../sampling/request.js';
import type { GraphRunner } from '../sampling/runner.js';
import { faultOfTimesteps, type MarFields } from './marFields.js';
import { type MarPicture, marSteps } from './marLoop.js';
import { marCounts, marKnownShare } from './marSchedule.js';
import type { SystemSettings } from './settings.js';
import type { SystemDrawing } from './system.js';

/** What drawing needs to know of a network. */
export type DrawnMar = Pick<MarFields, 'class_num' | 'vae_embed_dim' | 'num_sampling_steps'>;

const MAR_SETTINGS: SystemSettings = {
  diffusionSteps: {
    kind: 'text',
    description:
      "steps in which a token is drawn: a number such as 100, ddim25 for 25 at one distance from step 0, or numbers for equal sections of the trained 1000, such as 10,5; the model's where it is left out",
    placeholder: 'STEPS',
    maxLength: 64,
    fault: faultOfTimesteps,
  },
};

/** The diffusion's tables for the steps that were asked for, or that are the model's. */
function diffusionOf({ num_sampling_steps }: DrawnMar, { diffusionSteps }: SettingValues) {
  return spacedDiffusion(spacedTimesteps(String(diffusionSteps ?? num_sampling_steps)));
}

/** Each step asks encoder and decoder once, and the network that draws once for each step of the diffusion. */
function plan(fields: DrawnMar, request: PlanRequest): Plan {
  const { grid, predicted, steps, own, rows: batch, isGuided: guided } = request;
  const pictures = guided ? batch / 2 : batch;
  const diffusionSteps = diffusionOf(fields, own).betas.length;
  let known = grid.height * grid.width - predicted;
  return {
    steps: marCounts(predicted, steps).map((queries) => {
      const sizes = { rows: pictures * queries };
      const noise = { graph: 'noise', sizes };
      const denoise = { graph: guided ? 'denoise_guided' : 'denoise', sizes };
      const encode = { graph: 'encode', sizes: { batch, known, queries } };
      const drawing = Array.from({ length: diffusionSteps }, () => [noise, denoise]).flat();
      known += queries;
      return { predicts: queries, runs: [encode, noise, ...drawing] };
    }),
  };
}

/** A picture with what is given of it, and not-a-number for all other tokens. */
function startOf({ index, order, known }: PictureRequest, positions: number, channels: number): MarPicture {
  const tokens = new Float32Array(positions * channels).fill(Number.NaN);
  for (const position of known?.keep ?? [])
    for (let channel = position * channels; channel < (position + 1) * channels; channel++)
      tokens[channel] = known!.tokens[channel]!;
  return { index, order, tokens };
}

/** @throws GraphError for a batch that is partly drawn and partly drawn anew, whose noise would have two purposes. */
function purposeOf([first, ...others]: readonly PictureRequest[]): Purpose {
  const { isRedrawn = false } = first!;
  if (others.some((other) => (other.isRedrawn ?? false) !== isRedrawn))
    throw new GraphError('the pictures of a batch must all be new, or all be drawn anew');
  return isRedrawn ? 'redrawnDiffusion' : 'diffusion';
}

async function* sample(
  run: GraphRunner,
  fields: DrawnMar,
  planned: Plan,
  pictures: readonly PictureRequest[],
  grid: Grid,
  options: SamplingOptions,
): AsyncGenerator<StepReport, readonly Float32Array[]> {
  const positions = grid.height * grid.width;
  const { vae_embed_dim: channels, class_num: classes } = fields;
  const { guidance, guidanceSchedule, seed, temperature, signal, own = {} } = options;
  const drawn = pictures.map((picture) => startOf(picture, positions, channels));
  const tokens = drawn.map((picture) => picture.tokens);
  const counts = planned.steps.map(({ predicts }) => predicts);
  const predicted = counts.reduce((sum, count) => sum + count, 0);
  const knownAfter = (step: number) => counts.slice(0, step + 1).reduce((sum, count) => sum + count, 0);
  const purpose = purposeOf(pictures);
  const steps = marSteps(run, drawn, {
    ...{ classes, channels, counts, temperature, signal },
    rows: rowsOf(pictures, options),
    guidance: (step) =>
      isGuided(options)
        ? guidanceScale(guidance, guidanceSchedule, marKnownShare(predicted, knownAfter(step)))
        : undefined,
    tables: diffusionOf(fields, own),
    key: (draw) => normalKey(seed, purpose, draw),
  });
  for await (const step of steps) yield { step, steps: counts.length, tokens };
  return tokens;
}

/** What pages need of the system. */
export const drawing: SystemDrawing<DrawnMar> = {
  noGuidance: 1,
  settings: MAR_SETTINGS,
  defaults: (_, { height, width }) => ({
    steps: Math.min(64, height * width),
    schedule: '',
    guidance: 3,
    guidanceSchedule: 'linear',
  }),
  plan,
  sample,
};

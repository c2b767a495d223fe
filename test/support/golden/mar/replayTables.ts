import {
  type DiffusionTables,
  spacedDiffusion,
  spacedTimesteps,
  trainedDiffusion,
} from '../../../../graphs/diffusionTables.js';
import { guidanceScale } from '../../../../src/sampling/guidance.js';
import { marCounts, marKnownShare } from '../../../../src/systems/marSchedule.js';
import { maskShare } from '../../../../src/systems/marTraining.js';
import { floatTensor, intTensor } from '../../../../src/targets/target.js';
import { onesLike, ratios } from './ratios.js';
import type { MarSubject } from './subject.js';

/** The tables by the set's names of them. */
const TABLES: Readonly<Record<string, keyof DiffusionTables>> = {
  betas: 'betas',
  alphas_cumprod: 'signalShares',
  sqrt_recip_alphas_cumprod: 'stateWeights',
  sqrt_recipm1_alphas_cumprod: 'noiseWeights',
  posterior_log_variance_clipped: 'leastLogVariances',
  posterior_mean_coef1: 'signalMeanWeights',
  posterior_mean_coef2: 'stateMeanWeights',
  log_betas: 'mostLogVariances',
};

/** Checks the tables of the trained steps and of those that are kept. */
function replayDiffusions({ checklist }: MarSubject): void {
  for (const { key, name } of checklist.asked(/^diffusion\.(.+)$/)) {
    const [, spacing, table] = /^(?:train|spaced\.(.+))\.([^.]+)$/.exec(name) ?? [];
    const tables = spacing === undefined ? trainedDiffusion() : spacedDiffusion(spacedTimesteps(spacing));
    if (table === 'timesteps') {
      checklist.compare('indices', 'timesteps', key, intTensor([tables.timesteps.length], tables.timesteps));
      continue;
    }
    const own = tables[TABLES[table!]!];
    const expected = checklist.feed(key);
    checklist.compareWith('shares', 'diffusion', key, ratios(own, expected), onesLike(expected));
  }
}

/** Checks how many tokens each step draws, and how linear guidance grows. */
function replaySchedules({ checklist }: MarSubject): void {
  for (const { key, name } of checklist.asked(/^schedule\.(\d+\.\d+)\.tokens_per_step$/)) {
    const [positions, steps] = name.split('.').map(Number) as [number, number];
    const counts = marCounts(positions, steps);
    checklist.compare('indices', 'schedule', key, intTensor([steps], counts));
    let known = 0;
    const scales = counts.map((count) => {
      known += count;
      return guidanceScale(3, 'linear', marKnownShare(positions, known));
    });
    const guidance = `schedule.${name}.cfg_linear_3`;
    checklist.compare('shares', 'schedule.cfg', guidance, floatTensor([steps], scales));
  }
}

/** Pieces that the mean of the distribution is summed up from. */
const PIECES = 20_000;

/** Checks the shares of hidden tokens. */
function replayMaskShares({ checklist, fields }: MarSubject): void {
  const least = fields.mask_ratio_min;
  for (const { key } of checklist.asked(/^mask_ratio\.quantile$/)) {
    const uniforms = checklist.feed('mask_ratio.uniform');
    const shares = Float64Array.from(uniforms.data, (uniform) => maskShare(uniform, least));
    checklist.compare('shares', key, key, floatTensor(uniforms.shape, shares));
  }
  for (const { key } of checklist.asked(/^mask_ratio\.mean_std$/)) {
    const shares = Array.from({ length: PIECES }, (_, piece) => maskShare((piece + 0.5) / PIECES, least));
    const mean = shares.reduce((sum, share) => sum + share, 0) / PIECES;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / PIECES;
    checklist.compare('shares', key, key, floatTensor([2], [mean, Math.sqrt(variance)]));
  }
}

/** Checks all that is worked out beforehand. */
export function replayTables(subject: MarSubject): void {
  replayDiffusions(subject);
  replaySchedules(subject);
  replayMaskShares(subject);
}

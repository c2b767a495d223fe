import type { Grid } from '../../graphs/rotary.js';
import { isGuided } from '../sampling/request.js';
import type { BatchStep } from '../sampling/samplePictures.js';
import { WORK_OF_DECODING, workOfSteps } from '../sampling/work.js';
import type { Model } from './model.js';
import type { FullSettings } from './settings.js';

/** Tells what share of the work is done. */
export interface SamplingProgress {
  /** After a step of a batch. */
  stepped(step: BatchStep): number;
  /** After one more picture is finished. */
  finished(): number;
}

/**
 * The work that pictures are, from the plans of their batches.
 * @param count pictures that are drawn
 * @param batch pictures sampled together
 */
export function progressOf(
  { generator: { system, config } }: Model,
  grid: Grid,
  settings: FullSettings,
  count: number,
  batch: number,
): SamplingProgress {
  const positions = grid.height * grid.width;
  const guided = isGuided({ ...settings, noGuidance: system.noGuidance });
  const rows = guided ? 2 : 1;
  const workOf = (pictures: number): readonly number[] => {
    const { steps, schedule, own } = settings;
    const request = { grid, predicted: positions, known: 0, steps, schedule, own, isGuided: guided };
    return workOfSteps(system.plan(config, { ...request, rows: pictures * rows }), grid);
  };
  const sumOf = (work: readonly number[]) => work.reduce((sum, own) => sum + own, 0);
  const full = workOf(Math.min(batch, Math.max(count, 1)));
  const rest = count % batch === 0 ? full : workOf(count % batch);
  const fullBatches = Math.floor(count / batch);
  const workOfPicture = WORK_OF_DECODING * positions;
  const total = fullBatches * sumOf(full) + (count % batch === 0 ? 0 : sumOf(rest)) + count * workOfPicture;
  let [sampled, finished] = [0, 0];
  const share = () => (sampled + finished * workOfPicture) / total;
  return {
    stepped({ batch: number, step }) {
      const own = number < fullBatches ? full : rest;
      sampled = number * sumOf(full) + sumOf(own.slice(0, step + 1));
      return share();
    },
    finished() {
      finished += 1;
      return share();
    },
  };
}

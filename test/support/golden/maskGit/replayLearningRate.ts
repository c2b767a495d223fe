import { system as maskGit } from '../../../../src/systems/maskGit.js';
import { floatTensor } from '../../../../src/targets/target.js';
import { learningRateAt } from '../../../../src/training/learningRate.js';
import type { Checklist } from '../checklist.js';

/** The official peak, its warm-up, and what the stored rates are multiplied by. */
const PEAK = 1e-4;
const WARMUP_STEPS = 2500;
const STORED_SCALE = 1e4;

/** Checks the learning rate of the recipe over a whole training, the last of whose iterations ends it. */
export function replayLearningRate(checklist: Checklist): void {
  const [asked] = checklist.asked(/^lr\.value_times_1e4$/);
  if (!asked) return;
  const iterations = Array.from(checklist.feed('lr.iter').data);
  const { holdShare, finalShare } = maskGit.recipe.learningRate!;
  const schedule = {
    ...{ peak: PEAK, final: PEAK * finalShare, warmupSteps: WARMUP_STEPS, holdShare },
    totalSteps: Math.max(...iterations),
  };
  const rates = iterations.map((iteration) => STORED_SCALE * learningRateAt(iteration, schedule));
  checklist.compare('rates', asked.key, asked.key, floatTensor([rates.length], rates));
}

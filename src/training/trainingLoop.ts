import { requireLoopSettings } from './requireSettings.js';
import { fixSizes, sizesOf } from '../compiler/fixSizes.js';
import type { Peers } from '../cluster/peers.js';
import { InputError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Weights } from '../graph/weights.js';
import type { HostTensor, Target } from '../targets/target.js';
import { type LearningRateSchedule, learningRateAt, weightDecayAt } from './learningRate.js';
import { type BestWeights, readCheckpoint, removeOldCheckpoints, writeCheckpoint } from './runFolder.js';
import { openLog, SILENT_LOG } from './runLog.js';
import { requireSameCheckpoint, requireSameState } from './sharedRun.js';
import { compileSharedStep } from './sharedStep.js';
import {
  downloadState,
  frozenWeights,
  initialState,
  releaseState,
  trainedWeights,
  uploadState,
  type WeightsPart,
  weightsPartsOf,
  withFrozen,
} from './trainingState.js';
import { compileStep, readScalar, type StepResult, type StepRunner } from './stepRunner.js';
import { type AdamWOptions, type StepOptions, trainingStep } from './trainingStep.js';

/** The inputs of one run of the loss graph. */
export type Batch = Readonly<Record<string, HostTensor>>;

export interface TrainingSettings {
  readonly lossGraph: Graph;
  /** The loss on held-out batches: without dropout. The loss graph itself when left out. */
  readonly validationGraph?: Graph;
  readonly step?: StepOptions;
  readonly optimizer: AdamWOptions;
  readonly learningRate: LearningRateSchedule;
  /** Steps of the whole run; beyond those of the schedule the learning rate stays at its final value. */
  readonly totalSteps: number;
  readonly seed: number;
  /** Weights to start from; drawn from the seed when left out. */
  readonly initialWeights?: Weights;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  /**
   * The batch of a step, counted from 1, in as many parts as the step options say. It may depend on nothing but the
   * step, so that a run can be continued.
   */
  readonly batch: (step: number) => Promise<readonly Batch[]>;
  /** Batches that training does not see. */
  readonly validation: readonly Batch[];
  /**
   * Ranks that share the run, each with a share of every batch: `batch` gives this one's. All take the same steps; the
   * first writes and shows for all.
   */
  readonly peers?: Peers;
  /** Shows what the weights do so far, after each checkpoint. */
  readonly preview?: (step: number, weights: Weights) => Promise<void>;
}

export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
  /** Of the last step, its batch included. */
  readonly seconds: number;
}

export interface TrainingResult {
  readonly step: number;
  readonly stopped: boolean;
  /** The weights with the lowest held-out loss; undefined where nothing is held out. */
  readonly best: BestWeights | undefined;
}

/** The mean loss over the validation batches. */
async function validate(target: Target, settings: TrainingSettings, weights: Weights): Promise<number> {
  const graph = settings.validationGraph ?? settings.lossGraph;
  const sizes = sizesOf(graph, settings.validation[0]!);
  const executable = await target.compile(fixSizes(graph, sizes, settings.step?.varying), { weights });
  let total = 0;
  for (const batch of settings.validation)
    total += await readScalar(await executable.run(batch, ['loss']), 'loss');
  await executable.dispose();
  return total / settings.validation.length;
}

/** Held-out losses of the weights that a state has. */
type HeldOutLosses = Readonly<Partial<Record<WeightsPart, number>>>;

/** The part with the lowest held-out loss; the last step's weights win a tie. */
function bestOf(losses: HeldOutLosses, step: number): BestWeights | undefined {
  const entries = Object.entries(losses) as readonly [WeightsPart, number][];
  return entries
    .map(([part, loss]) => ({ step, loss, part }))
    .reduce<BestWeights | undefined>(
      (best, next) => (best && best.loss <= next.loss ? best : next),
      undefined,
    );
}

/** @throws InputError naming the step whose numbers are not finite: with its weights nothing can be trained on. */
function requireFiniteStep(
  scalars: StepResult['scalars'],
  step: number,
  savedStep: number | undefined,
): void {
  const wrong = Object.entries(scalars).find(([, value]) => !Number.isFinite(value));
  if (!wrong) return;
  const [name, value] = wrong;
  const kept =
    savedStep === undefined ? 'no checkpoint was written' : `the checkpoint of step ${savedStep} is kept`;
  throw new InputError(
    `step ${step}: the ${name.replaceAll('_', ' ')} is ${value}, so training cannot go on; ${kept}; try a lower learning rate`,
  );
}

/**
 * Trains until the last step or until told to stop, from the run's latest checkpoint if there is one. A run that is
 * continued gives the same losses as one that was never interrupted, wherever it was killed.
 * @param folder of a run that this process has opened (`createRun`, `reopenRun`)
 * @param signal stops after the step at hand, with a checkpoint
 * @throws OutputError when a checkpoint cannot be written, InputError when the loss or the gradient is not finite; the
 *   checkpoints before stay.
 */
export async function train(
  folder: string,
  settings: TrainingSettings,
  target: Target,
  signal: AbortSignal,
  onProgress: (progress: TrainingProgress) => void = () => {},
): Promise<TrainingResult> {
  requireLoopSettings(settings);
  const {
    lossGraph,
    optimizer,
    learningRate,
    checkpointEvery,
    totalSteps,
    step: stepOptions = {},
  } = settings;
  const { frozen = new Set() } = stepOptions;
  const { peers } = settings;
  const isFirst = peers?.isFirst ?? true;
  const checkpoint = readCheckpoint(folder);
  if (peers) await requireSameCheckpoint(folder, peers, checkpoint?.step);
  if (checkpoint && isFirst) removeOldCheckpoints(folder, checkpoint);
  const stepGraph = trainingStep(lossGraph, optimizer, stepOptions);
  const kept = frozenWeights(lossGraph, frozen, settings.seed, settings.initialWeights, checkpoint?.state);
  let state = checkpoint
    ? uploadState(checkpoint.state, frozen)
    : initialState(lossGraph, stepGraph, optimizer, settings.seed, settings.initialWeights);
  let step = checkpoint?.step ?? 0;
  let best = checkpoint?.best;
  let saved = checkpoint?.step;
  const log = isFirst ? openLog(folder, step) : SILENT_LOG;

  /**
   * Everything about a checkpoint is on the disk before the run points to it. One that is due is judged by the held-out
   * loss and shown; one because the run is stopped is neither, so that the log and the best weights are those of a run
   * that was not.
   */
  const save = async (isDue: boolean): Promise<void> => {
    if (saved === step) return;
    if (peers && isDue) await requireSameState(peers, state, step);
    if (!isFirst) {
      saved = step;
      return;
    }
    const downloaded = withFrozen(await downloadState(state), kept);
    const losses: Partial<Record<WeightsPart, number>> = {};
    if (isDue && settings.validation.length > 0)
      for (const part of weightsPartsOf(optimizer))
        losses[part] = await validate(target, settings, trainedWeights(downloaded, part));
    const here = bestOf(losses, step);
    if (here && Number.isFinite(here.loss) && !(best && best.loss <= here.loss)) best = here;
    if (here)
      log.append({
        step,
        validation_loss: here.loss,
        ...(losses.ema !== undefined && {
          validation_loss_last: losses.parameter!,
          validation_loss_averaged: losses.ema,
        }),
      });
    log.sync();
    const shown = here?.part ?? weightsPartsOf(optimizer).at(-1)!;
    if (isDue) await settings.preview?.(step, trainedWeights(downloaded, shown));
    await writeCheckpoint(folder, { step, state: downloaded, best });
    saved = step;
  };

  const prepare = (wanted: number): Promise<readonly Batch[]> => {
    const batch = settings.batch(wanted);
    // A batch that is never waited for, because the run is stopped, may fail unseen.
    batch.catch(() => {});
    return batch;
  };
  const compile = (batch: Batch): Promise<StepRunner> =>
    peers
      ? compileSharedStep(
          batch,
          { lossGraph, optimizer, options: stepOptions, frozen: kept },
          target,
          peers,
          signal,
        )
      : compileStep(batch, lossGraph, stepGraph, target, stepOptions, kept);
  let runner: StepRunner | undefined;
  try {
    let upcoming = step < totalSteps ? prepare(step + 1) : Promise.resolve([]);
    // Ranks that share a run stop together, after a step in which they agreed.
    let doAgree = false;
    while (step < totalSteps && !(peers ? doAgree : signal.aborted)) {
      let started = performance.now();
      const batch = await upcoming;
      if (!runner) {
        runner = await compile(batch[0]!);
        started = performance.now();
      }
      step++;
      // The next batch is prepared while this one is worked on.
      if (step < totalSteps) upcoming = prepare(step + 1);
      const rate = learningRateAt(step, learningRate);
      const { weightDecay, finalWeightDecay: final } = optimizer;
      const decay =
        final === undefined
          ? {}
          : { weight_decay: weightDecayAt(step, weightDecay, final, learningRate.totalSteps) };
      const done = await runner.run(batch, state, { learning_rate: rate, step, ...decay });
      const { scalars } = done;
      releaseState(state);
      state = done.next;
      doAgree = done.stops ?? false;
      requireFiniteStep(scalars, step, saved);
      const { loss, ...others } = scalars;
      const seconds = (performance.now() - started) / 1000;
      log.append({
        step,
        loss,
        learning_rate: rate,
        ...others,
        seconds: Number(seconds.toFixed(3)),
      });
      onProgress({ step, totalSteps, loss, seconds });
      if (step % checkpointEvery === 0 && step < totalSteps) await save(true);
    }
    await save(step >= totalSteps);
    return { step, stopped: step < totalSteps, best };
  } finally {
    log.close();
    releaseState(state);
    await runner?.dispose();
  }
}

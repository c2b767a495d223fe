import type { Graph } from '../graph/graph.js';
import { type Executable, floatTensor, type HostTensor, type Target } from '../targets/target.js';
import { type LearningRateSchedule, learningRateAt } from './learningRate.js';
import { appendLog, readCheckpoint, readLog, truncateLog, writeCheckpoint } from './runFolder.js';
import {
  downloadState,
  initialState,
  releaseState,
  type TrainingState,
  trainedWeights,
  uploadState,
} from './trainingState.js';
import {
  type AdamWOptions,
  statePartsOf,
  trainedParameters,
  stateName,
  trainingStep,
} from './trainingStep.js';

/** The inputs of one run of the loss graph. */
export type Batch = Readonly<Record<string, HostTensor>>;

export interface TrainingSettings {
  readonly lossGraph: Graph;
  readonly optimizer: AdamWOptions;
  readonly learningRate: LearningRateSchedule;
  readonly seed: number;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  /** The batch of a step, counted from 1. It may depend on nothing but the step, so that a run can be continued. */
  readonly batch: (step: number) => Promise<Batch>;
  /** Batches that training does not see. */
  readonly validation: readonly Batch[];
}

export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
}

export interface TrainingResult {
  readonly step: number;
  readonly stopped: boolean;
}

async function readScalar(outputs: Awaited<ReturnType<Executable['run']>>, name: string): Promise<number> {
  return (await outputs[name]!.read()).data[0]!;
}

/** The mean loss over the validation batches, with the weights that would be kept. */
async function validate(
  target: Target,
  settings: TrainingSettings,
  state: TrainingState,
): Promise<number | undefined> {
  if (settings.validation.length === 0) return undefined;
  const weights = trainedWeights(await downloadState(state), settings.optimizer);
  const executable = await target.compile(settings.lossGraph, { weights });
  let total = 0;
  for (const batch of settings.validation)
    total += await readScalar(await executable.run(batch, ['loss']), 'loss');
  await executable.dispose();
  return total / settings.validation.length;
}

/**
 * Trains until the last step or until told to stop, from the run's latest checkpoint if there is one. A run that is
 * continued gives the same losses as one that was never interrupted.
 * @param signal stops after the step at hand, with a checkpoint
 * @throws OutputError when a checkpoint cannot be written; the ones before stay.
 */
export async function train(
  folder: string,
  settings: TrainingSettings,
  target: Target,
  signal: AbortSignal,
  onProgress: (progress: TrainingProgress) => void = () => {},
): Promise<TrainingResult> {
  const { lossGraph, optimizer, learningRate, checkpointEvery } = settings;
  const checkpoint = readCheckpoint(folder);
  if (checkpoint) truncateLog(folder, checkpoint.step);
  let state = checkpoint ? uploadState(checkpoint.state) : initialState(lossGraph, optimizer, settings.seed);
  let step = checkpoint?.step ?? 0;
  let best = Math.min(...readLog(folder).map((entry) => entry.validation_loss ?? Number.POSITIVE_INFINITY));
  const executable = await target.compile(trainingStep(lossGraph, optimizer));
  const stateNames = trainedParameters(lossGraph).flatMap(({ name }) =>
    statePartsOf(optimizer).map((part) => stateName(part, name)),
  );
  const outputNames = ['loss', 'gradient_norm', ...stateNames.map((name) => `next.${name}`)];

  const save = async (): Promise<void> => {
    const validationLoss = await validate(target, settings, state);
    const isBest = validationLoss !== undefined && validationLoss < best;
    if (isBest) best = validationLoss;
    // Logged first: should the checkpoint not be completed, a continued run drops the line again.
    if (validationLoss !== undefined) appendLog(folder, { step, validation_loss: validationLoss });
    await writeCheckpoint(folder, step, await downloadState(state), isBest);
  };

  const prepare = (wanted: number): Promise<Batch> => {
    const batch = settings.batch(wanted);
    // A batch that is never waited for, because the run is stopped, may fail unseen.
    batch.catch(() => {});
    return batch;
  };
  let upcoming = prepare(step + 1);
  while (step < learningRate.totalSteps && !signal.aborted) {
    const started = performance.now();
    const batch = await upcoming;
    step++;
    // The next batch is prepared while this one is worked on.
    if (step < learningRate.totalSteps) upcoming = prepare(step + 1);
    const rate = learningRateAt(step, learningRate);
    const scalars = { learning_rate: floatTensor([], [rate]), step: floatTensor([], [step]) };
    const outputs = await executable.run({ ...batch, ...state, ...scalars }, outputNames);
    const [loss, norm] = [await readScalar(outputs, 'loss'), await readScalar(outputs, 'gradient_norm')];
    releaseState(state);
    state = Object.fromEntries(stateNames.map((name) => [name, outputs[`next.${name}`]!]));
    const seconds = (performance.now() - started) / 1000;
    appendLog(folder, {
      step,
      loss,
      learning_rate: rate,
      gradient_norm: norm,
      seconds: Number(seconds.toFixed(3)),
    });
    onProgress({ step, totalSteps: learningRate.totalSteps, loss });
    if (step % checkpointEvery === 0 && step < learningRate.totalSteps) await save();
  }
  await save();
  releaseState(state);
  await executable.dispose();
  return { step, stopped: step < learningRate.totalSteps };
}

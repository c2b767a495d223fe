import { InputError } from '../errors.js';
import { countElements } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { Weights } from '../graph/weights.js';
import {
  type Executable,
  floatTensor,
  type HostTensor,
  type Target,
  type TargetTensor,
} from '../targets/target.js';
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
  accumulationStep,
  type AdamWOptions,
  gradientName,
  stateInputs,
  type StepOptions,
  trainedParameters,
  trainingStep,
} from './trainingStep.js';

/** The inputs of one run of the loss graph. */
export type Batch = Readonly<Record<string, HostTensor>>;

export interface TrainingSettings {
  readonly lossGraph: Graph;
  /** The loss on held-out batches: without dropout. The loss graph itself when left out. */
  readonly validationGraph?: Graph;
  readonly step?: StepOptions;
  readonly optimizer: AdamWOptions;
  readonly learningRate: LearningRateSchedule;
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
}

async function readScalar(outputs: Awaited<ReturnType<Executable['run']>>, name: string): Promise<number> {
  return (await outputs[name]!.read()).data[0]!;
}

/** The mean loss over the validation batches, with the weights that would be kept. */
async function validate(
  target: Target,
  settings: TrainingSettings,
  weights: Weights,
): Promise<number | undefined> {
  if (settings.validation.length === 0) return undefined;
  const executable = await target.compile(settings.validationGraph ?? settings.lossGraph, { weights });
  let total = 0;
  for (const batch of settings.validation)
    total += await readScalar(await executable.run(batch, ['loss']), 'loss');
  await executable.dispose();
  return total / settings.validation.length;
}

/** What a step gives: the state for the next, and the numbers to log. */
interface StepResult {
  readonly next: TrainingState;
  readonly scalars: Readonly<Record<string, number>> & { readonly loss: number };
}

interface StepRunner {
  (parts: readonly Batch[], state: TrainingState, rate: number, step: number): Promise<StepResult>;
  dispose(): Promise<void>;
}

/** A training step ready to run on a batch in parts. */
async function compileStep(
  lossGraph: Graph,
  stepGraph: Graph,
  target: Target,
  options: StepOptions = {},
): Promise<StepRunner> {
  const final = await target.compile(stepGraph);
  const partial =
    (options.parts ?? 1) > 1 ? await target.compile(accumulationStep(lossGraph, options)) : undefined;
  const scalarNames = Object.entries(stepGraph.outputs).flatMap(([name, { shape }]) =>
    shape.length === 0 && !name.startsWith('next.') ? [name] : [],
  );
  const stateNames = stateInputs(stepGraph).map((tensor) => inputNode(tensor).name);
  const parameters = trainedParameters(lossGraph);
  const gradientNames = partial ? parameters.map(({ name }) => gradientName(name)) : [];
  const run = async (
    parts: readonly Batch[],
    state: TrainingState,
    rate: number,
    step: number,
  ): Promise<StepResult> => {
    let gradients: Readonly<Record<string, TargetTensor>> = Object.fromEntries(
      gradientNames.map((name, index) => {
        const shape = parameters[index]!.outputs[0]!.shape as readonly number[];
        return [name, floatTensor(shape, new Float32Array(countElements(shape)))];
      }),
    );
    const losses: number[] = [];
    for (const part of parts.slice(0, -1)) {
      const outputs = await partial!.run({ ...part, ...state, ...gradients });
      losses.push(await readScalar(outputs, 'loss'));
      releaseState(gradients);
      gradients = Object.fromEntries(gradientNames.map((name) => [name, outputs[`next.${name}`]!]));
    }
    const numbers = { learning_rate: floatTensor([], [rate]), step: floatTensor([], [step]) };
    const wanted = [...scalarNames, ...stateNames.map((name) => `next.${name}`)];
    const outputs = await final.run({ ...parts.at(-1)!, ...state, ...gradients, ...numbers }, wanted);
    releaseState(gradients);
    const scalars: Record<string, number> = {};
    for (const name of scalarNames) scalars[name] = await readScalar(outputs, name);
    losses.push(scalars.loss!);
    const loss = losses.reduce((a, b) => a + b) / losses.length;
    const next = Object.fromEntries(stateNames.map((name) => [name, outputs[`next.${name}`]!]));
    return { next, scalars: { ...scalars, loss } };
  };
  return Object.assign(run, {
    dispose: async () => {
      await final.dispose();
      await partial?.dispose();
    },
  });
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
 * continued gives the same losses as one that was never interrupted.
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
  const { lossGraph, optimizer, learningRate, checkpointEvery } = settings;
  const checkpoint = readCheckpoint(folder);
  if (checkpoint) truncateLog(folder, checkpoint.step);
  const stepGraph = trainingStep(lossGraph, optimizer, settings.step);
  let state = checkpoint
    ? uploadState(checkpoint.state)
    : initialState(lossGraph, stepGraph, optimizer, settings.seed, settings.initialWeights);
  let step = checkpoint?.step ?? 0;
  let savedStep = checkpoint?.step;
  let best = Math.min(...readLog(folder).map((entry) => entry.validation_loss ?? Number.POSITIVE_INFINITY));
  const run = await compileStep(lossGraph, stepGraph, target, settings.step);

  const save = async (): Promise<void> => {
    const saved = await downloadState(state);
    const weights = trainedWeights(saved, optimizer);
    const validationLoss = await validate(target, settings, weights);
    const isBest = validationLoss !== undefined && validationLoss < best;
    if (isBest) best = validationLoss;
    // Logged first: should the checkpoint not be completed, a continued run drops the line again.
    if (validationLoss !== undefined) appendLog(folder, { step, validation_loss: validationLoss });
    await writeCheckpoint(folder, step, saved, isBest);
    savedStep = step;
    await settings.preview?.(step, weights);
  };

  const prepare = (wanted: number): Promise<readonly Batch[]> => {
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
    const { next, scalars } = await run(batch, state, rate, step);
    requireFiniteStep(scalars, step, savedStep);
    releaseState(state);
    state = next;
    const { loss, ...others } = scalars;
    const seconds = (performance.now() - started) / 1000;
    appendLog(folder, {
      step,
      loss,
      learning_rate: rate,
      ...others,
      seconds: Number(seconds.toFixed(3)),
    });
    onProgress({ step, totalSteps: learningRate.totalSteps, loss, seconds });
    if (step % checkpointEvery === 0 && step < learningRate.totalSteps) await save();
  }
  await save();
  releaseState(state);
  await run.dispose();
  return { step, stopped: step < learningRate.totalSteps };
}

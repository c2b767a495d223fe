import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.js';
import { makeFolder } from '../files/makeFolder.js';
import { encodePng, type RgbImage } from '../data/image.js';
import type { Weights } from '../graph/weights.js';
import { type ModelParts, writeModelFolder } from '../models/modelFolder.js';
import { frozenParameters } from './frozenParameters.js';
import { lossCurvePng } from './lossCurve.js';
import type { OpenRun } from './openRun.js';
import type { TrainedRun, TrainingHost } from './request.js';
import { readBestCheckpoint, readCheckpoint } from './runFolder.js';
import { readLog } from './runLog.js';
import { frozenNotes, heldOutNote } from './runNotes.js';
import { optimizerOf, type SharedRunSettings } from './runSettings.js';
import { train, type TrainingResult, type TrainingSettings } from './trainingLoop.js';
import { trainedWeights, weightsPartsOf } from './trainingState.js';
import { trainedParameters } from './stepNames.js';

/** Folder of a run with the pictures of each checkpoint. */
const PREVIEW_FOLDER = 'samples';
const MODEL_FOLDER = 'model';

/** Saves a picture of what the weights of a step do. */
export function writePreview(folder: string, step: number, image: RgbImage): void {
  const previews = join(folder, PREVIEW_FOLDER);
  makeFolder(previews);
  writeFileAtomically(join(previews, `step-${String(step).padStart(8, '0')}.png`), [encodePng(image)]);
}

/**
 * What a run starts from: none where it starts from random numbers, or goes on from a checkpoint.
 * @param read the weights of the model that the settings name
 * @param given weights that do not come from that model
 */
export function startingWeights(
  folder: string,
  { init }: SharedRunSettings,
  read: (init: string) => Weights,
  given: () => Weights = () => new Map(),
): Pick<TrainingSettings, 'initialWeights'> {
  if (readCheckpoint(folder) !== undefined) return {};
  const weights = new Map([...(init === '' ? [] : read(init)), ...given()]);
  return weights.size === 0 ? {} : { initialWeights: weights };
}

/**
 * Trains a run to its end or until it is stopped, from its latest checkpoint if it has one, and draws its losses.
 * @throws as `train` does.
 */
export async function trainRun(
  { folder, settings, target }: OpenRun<SharedRunSettings>,
  training: TrainingSettings,
  { signal = new AbortController().signal, onNote, onProgress, peers }: TrainingHost,
): Promise<TrainingResult> {
  const { totalSteps: total, lossGraph } = training;
  const frozen = frozenParameters(settings.freeze, lossGraph);
  for (const note of frozenNotes(frozen, trainedParameters(lossGraph).length, settings.init)) onNote?.(note);
  onNote?.(heldOutNote(training.validation));
  onProgress?.({ phase: 'training', done: 0, total });
  const before = readCheckpoint(folder)?.step;
  if (before === total)
    onNote?.(`the run in ${folder} is finished: all its ${before} steps are done; --steps can extend it`);
  const all = new Set([...frozen, ...(training.step?.frozen ?? [])]);
  const freezing = { ...training, step: { ...training.step, frozen: all } };
  const result = await train(folder, freezing, target, signal, ({ step, loss, seconds }) =>
    onProgress?.({ phase: 'training', done: step, total, loss, imagesPerSecond: settings.batch / seconds }),
  );
  if (peers && !peers.isFirst) return result;
  writeFileAtomically(join(folder, 'loss.png'), [await lossCurvePng(readLog(folder))]);
  if (result.stopped) onNote?.(`stopped after step ${result.step}; continue with --resume ${folder}`);
  return result;
}

/** The weights to keep, and which they are: the best by the held-out loss where there is one, else the last. */
function keptWeights(
  folder: string,
  settings: SharedRunSettings,
): { readonly weights: Weights; readonly origin: string } {
  const parts = weightsPartsOf(optimizerOf(settings));
  const { checkpoint, part } = readBestCheckpoint(folder, parts.at(-1)!);
  const which = parts.length > 1 ? (part === 'ema' ? ', averaged' : ', not averaged') : '';
  const why = checkpoint.best
    ? `with the lowest held-out loss, ${checkpoint.best.loss.toFixed(4)}`
    : 'the last; no image was held out to choose by';
  const origin = `step ${checkpoint.step}${which}, ${why}`;
  return { weights: trainedWeights(checkpoint.state, part), origin };
}

/**
 * Ends a run that went through all its steps with a model folder of what it trained.
 * @param parts what the folder is made of, with the weights that are kept
 */
export async function finishRun(
  { folder, settings }: OpenRun<SharedRunSettings>,
  { stopped, step }: TrainingResult,
  { onNote, peers }: TrainingHost,
  parts: (weights: Weights) => ModelParts | Promise<ModelParts>,
): Promise<TrainedRun> {
  if (stopped || (peers && !peers.isFirst)) return { run: folder, step, stopped };
  const model = join(folder, MODEL_FOLDER);
  const { weights, origin } = keptWeights(folder, settings);
  const made = await parts(weights);
  if (existsSync(model)) rmSync(model, { recursive: true });
  await writeModelFolder(model, { ...made, origin });
  onNote?.(`wrote ${model}: the weights of ${origin}`);
  return { run: folder, step, stopped, model };
}

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../atomicFile.js';
import { makeFolder } from '../files/makeFolder.js';
import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';
import { InputError, OutputError, systemReason } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';
import { lockRun } from './runLock.js';
import type { WeightsPart } from './trainingState.js';

const SETTINGS_FILE = 'run.json';
const LATEST_FILE = 'latest';
const CHECKPOINTS_FOLDER = 'checkpoints';
const STATE_FILE = 'state.safetensors';
const STEP_DIGITS = 8;
/** Names of output that is not complete yet. */
const PARTIAL_NAME = /(^|\/)\.arpg-[^/]+\.partial$/;

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(STEP_DIGITS, '0')}`;
}

function requireNoRun(folder: string): void {
  if (existsSync(join(folder, SETTINGS_FILE)))
    throw new OutputError(
      `${folder}: it holds a run already; continue it with --resume ${folder}, or choose another folder`,
    );
}

/**
 * Makes a new run folder with its settings, for this process to work on alone.
 * @returns lets other processes work on the run
 * @throws OutputError when there is a run already, or the folder cannot be made.
 */
export function createRun(folder: string, settings: object): () => void {
  requireNoRun(folder);
  try {
    makeFolder(join(folder, CHECKPOINTS_FOLDER));
  } catch (error) {
    throw new OutputError(`${folder}: cannot be created: ${systemReason(error)}`, error);
  }
  const release = lockRun(folder);
  removeLeftovers(folder);
  // Another process may have made one while this one waited for its turn.
  requireNoRun(folder);
  writeRunSettings(folder, settings);
  return release;
}

/**
 * Takes a run up again, for this process to work on alone, and removes what a killed one left half written.
 * @returns lets other processes work on the run
 * @throws OutputError when another process works on it.
 */
export function reopenRun(folder: string): () => void {
  const release = lockRun(folder);
  removeLeftovers(folder);
  makeFolder(join(folder, CHECKPOINTS_FOLDER));
  return release;
}

/**
 * The settings of a run.
 * @throws InputError when the folder holds none.
 */
export function readRunSettings(folder: string): unknown {
  const path = join(folder, SETTINGS_FILE);
  if (!existsSync(path)) throw new InputError(`${folder}: no training run: it has no ${SETTINGS_FILE}`);
  return readJsonFile(path);
}

/** Replaces a run's settings, all at once. @throws OutputError naming the file. */
export function writeRunSettings(folder: string, settings: object): void {
  writeFileAtomically(join(folder, SETTINGS_FILE), [encode(settings)]);
}

/** The weights with the lowest held-out loss so far. */
export interface BestWeights {
  readonly step: number;
  readonly loss: number;
  /** Which of a checkpoint's weights they are: those of the last step, or their average. */
  readonly part: WeightsPart;
}

/** A checkpoint of a run. */
export interface Checkpoint {
  readonly step: number;
  readonly state: Weights;
  /** The best weights up to this checkpoint; undefined where nothing is held out. */
  readonly best: BestWeights | undefined;
}

function bestMetadata(best: BestWeights | undefined): Readonly<Record<string, string>> {
  return best
    ? { best_step: String(best.step), best_loss: String(best.loss), best_part: best.part }
    : ({} as const);
}

/**
 * Writes a checkpoint, which appears complete or not at all, and then points to it as the latest: with that one step
 * the run has gone on. It says itself which is the best, so that the two can't disagree. Older ones but the best are
 * removed.
 * @throws OutputError when the disk is full or refuses; the checkpoints before it stay.
 */
export async function writeCheckpoint(folder: string, { step, state, best }: Checkpoint): Promise<void> {
  const name = checkpointName(step);
  const path = join(folder, CHECKPOINTS_FOLDER, name);
  // One that is there already was left by a run that was killed before it pointed to it.
  if (existsSync(path)) rmSync(path, { recursive: true });
  await writeFolderAtomically(path, (partial) => {
    const metadata = { step: String(step), ...bestMetadata(best) };
    writeFileAtomically(join(partial, STATE_FILE), serializeSafetensors(state, metadata));
  });
  writeFileAtomically(join(folder, LATEST_FILE), [new TextEncoder().encode(`${name}\n`)]);
  removeOldCheckpoints(folder, { step, best });
}

/** Removes all checkpoints but the latest and the best. */
export function removeOldCheckpoints(
  folder: string,
  { step, best }: Pick<Checkpoint, 'step' | 'best'>,
): void {
  const kept = [checkpointName(step), ...(best ? [checkpointName(best.step)] : [])];
  for (const other of readdirSync(join(folder, CHECKPOINTS_FOLDER)))
    if (!kept.includes(other))
      rmSync(join(folder, CHECKPOINTS_FOLDER, other), { recursive: true, force: true });
}

/** Removes what processes that were killed left half written. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (PARTIAL_NAME.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

function readCheckpointNamed(folder: string, name: string): Checkpoint {
  const path = join(folder, CHECKPOINTS_FOLDER, name);
  const { tensors, metadata } = openSafetensors(join(path, STATE_FILE));
  const [step, bestStep, loss] = [metadata.step, metadata.best_step, metadata.best_loss].map(Number);
  if (!Number.isSafeInteger(step)) throw new InputError(`${path}: the checkpoint names no step`);
  const { best_part: part } = metadata;
  const isBest = Number.isSafeInteger(bestStep) && Number.isFinite(loss);
  const best =
    isBest && (part === 'parameter' || part === 'ema')
      ? { step: bestStep!, loss: loss!, part: part as WeightsPart }
      : undefined;
  return { step: step!, state: tensors, best };
}

/**
 * The run's latest checkpoint; undefined before the first.
 * @throws InputError when it is damaged.
 */
export function readCheckpoint(folder: string): Checkpoint | undefined {
  const path = join(folder, LATEST_FILE);
  if (!existsSync(path)) return undefined;
  const name = readFileSync(path, 'utf8').trim();
  if (!/^step-\d+$/.test(name)) throw new InputError(`${path}: it does not name a checkpoint`);
  return readCheckpointNamed(folder, name);
}

/**
 * The checkpoint with the weights to keep, as the latest one knows it, and which of its weights they are.
 * @throws InputError when there is none, or it is damaged.
 */
export function readBestCheckpoint(
  folder: string,
  unvalidated: WeightsPart,
): { readonly checkpoint: Checkpoint; readonly part: WeightsPart } {
  const latest = readCheckpoint(folder);
  if (!latest) throw new InputError(`${folder}: the run has no checkpoint yet`);
  const { best } = latest;
  if (!best) return { checkpoint: latest, part: unvalidated };
  return { checkpoint: readCheckpointNamed(folder, checkpointName(best.step)), part: best.part };
}

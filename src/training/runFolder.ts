import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../atomicFile.js';
import { openSafetensors, serializeSafetensors } from '../checkpoints/safetensors.js';
import { readBounded } from '../data/boundedFile.js';
import { decodeText, linesOf, nestsDeeper } from '../data/text.js';
import { InputError, OutputError, systemReason } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { readJsonFile } from '../jsonFile.js';

const SETTINGS_FILE = 'run.json';
const LOG_FILE = 'log.jsonl';
const LATEST_FILE = 'latest';
const BEST_FILE = 'best';
const CHECKPOINTS_FOLDER = 'checkpoints';
const STATE_FILE = 'state.safetensors';
const STEP_DIGITS = 8;

/** One line of a run's log. */
export interface LogEntry {
  readonly step: number;
  readonly loss?: number;
  readonly validation_loss?: number;
  readonly learning_rate?: number;
  readonly gradient_norm?: number;
  readonly seconds?: number;
  /** Whatever else the step's graph computes without axes, such as the parts of the loss. */
  readonly [name: string]: number | undefined;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(STEP_DIGITS, '0')}`;
}

/**
 * Makes a new run folder with its settings.
 * @throws OutputError when there is a run already, or the folder cannot be made.
 */
export function createRun(folder: string, settings: object): void {
  if (existsSync(join(folder, SETTINGS_FILE)))
    throw new OutputError(
      `${folder}: it holds a run already; continue it with --resume ${folder}, or choose another folder`,
    );
  try {
    mkdirSync(join(folder, CHECKPOINTS_FOLDER), { recursive: true });
  } catch (error) {
    throw new OutputError(`${folder}: cannot be created: ${systemReason(error)}`, error);
  }
  writeFileAtomically(join(folder, SETTINGS_FILE), [encode(settings)]);
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

/** Adds a line to the run's log. */
export function appendLog(folder: string, entry: LogEntry): void {
  try {
    appendFileSync(join(folder, LOG_FILE), `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw new OutputError(`${join(folder, LOG_FILE)}: cannot be written: ${systemReason(error)}`, error);
  }
}

/** A line of the log with what it says in numbers; undefined when it is torn or no entry. */
function parseEntry(line: string): LogEntry | undefined {
  if (nestsDeeper(line, 1)) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const numbers = Object.fromEntries(Object.entries(value).filter(([, field]) => Number.isFinite(field)));
    return Number.isInteger(numbers.step) ? (numbers as unknown as LogEntry) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The run's log; lines that were cut short, or are no entries, are left out.
 * @throws InputError when it cannot be read.
 */
export function readLog(folder: string): readonly LogEntry[] {
  const path = join(folder, LOG_FILE);
  if (!existsSync(path)) return [];
  const entries: LogEntry[] = [];
  for (const { text } of linesOf(decodeText(readBounded(path)))) {
    const entry = parseEntry(text);
    if (entry) entries.push(entry);
  }
  return entries;
}

/** Drops what a killed run logged after the checkpoint it continues from. */
export function truncateLog(folder: string, step: number): void {
  const kept = readLog(folder).filter((entry) => entry.step <= step);
  writeFileSync(join(folder, LOG_FILE), kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

/**
 * Writes a checkpoint, which appears complete or not at all, and then points to it as the latest. Older ones but the
 * best are removed.
 * @throws OutputError when the disk is full or refuses; the checkpoints before it stay.
 */
export async function writeCheckpoint(
  folder: string,
  step: number,
  state: Weights,
  isBest: boolean,
): Promise<void> {
  const name = checkpointName(step);
  const path = join(folder, CHECKPOINTS_FOLDER, name);
  if (!existsSync(path))
    await writeFolderAtomically(path, (partial) => {
      writeFileAtomically(join(partial, STATE_FILE), serializeSafetensors(state, { step: String(step) }));
    });
  writeFileAtomically(join(folder, LATEST_FILE), [new TextEncoder().encode(`${name}\n`)]);
  if (isBest) writeFileAtomically(join(folder, BEST_FILE), [new TextEncoder().encode(`${name}\n`)]);
  const kept = new Set([name, readPointer(folder, BEST_FILE)]);
  for (const other of readdirSync(join(folder, CHECKPOINTS_FOLDER)))
    if (!kept.has(other)) rmSync(join(folder, CHECKPOINTS_FOLDER, other), { recursive: true, force: true });
}

function readPointer(folder: string, file: string): string | undefined {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/** A checkpoint of a run. */
export interface Checkpoint {
  readonly step: number;
  readonly state: Weights;
}

/**
 * The run's latest or best checkpoint; undefined before the first.
 * @throws InputError when it is damaged.
 */
export function readCheckpoint(folder: string, which: 'latest' | 'best' = 'latest'): Checkpoint | undefined {
  const name = readPointer(folder, which === 'latest' ? LATEST_FILE : BEST_FILE);
  if (name === undefined) return undefined;
  if (!/^step-\d+$/.test(name)) throw new InputError(`${join(folder, which)}: it does not name a checkpoint`);
  const { tensors, metadata } = openSafetensors(join(folder, CHECKPOINTS_FOLDER, name, STATE_FILE));
  const step = Number(metadata.step);
  if (!Number.isSafeInteger(step))
    throw new InputError(`${join(folder, CHECKPOINTS_FOLDER, name)}: the checkpoint names no step`);
  return { step, state: tensors };
}

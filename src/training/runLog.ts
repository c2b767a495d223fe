import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.js';
import { readBounded } from '../data/boundedFile.js';
import { decodeText, linesOf, nestsDeeper } from '../files/text.js';
import { OutputError, systemReason } from '../errors.js';

const LOG_FILE = 'log.jsonl';

/** One line of a run's log. */
export interface LogEntry {
  readonly step: number;
  readonly loss?: number;
  /** Of the weights that would be kept after this step. */
  readonly validation_loss?: number;
  readonly learning_rate?: number;
  readonly gradient_norm?: number;
  readonly seconds?: number;
  /** Whatever else the step's graph computes without axes, such as the parts of the loss. */
  readonly [name: string]: number | undefined;
}

/** A line's numbers; undefined when it is torn or no entry. What is no number is as if it were not there. */
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

const formatLine = (entry: LogEntry) => `${JSON.stringify(entry)}\n`;

/** A run's log that is written to. */
export interface RunLog {
  /** Adds a line. @throws OutputError when the disk is full or refuses. */
  append(entry: LogEntry): void;
  /** Returns once all lines are safely on the disk. */
  sync(): void;
  close(): void;
}

/**
 * Opens the log for a run that goes on after a step. What a killed run logged after its checkpoint, or did not finish
 * to write, is dropped first, all at once.
 * @param step of the checkpoint; 0 before the first
 * @throws OutputError naming the file.
 */
export function openLog(folder: string, step: number): RunLog {
  const path = join(folder, LOG_FILE);
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw error instanceof OutputError
        ? error
        : new OutputError(`${path}: cannot be written: ${systemReason(error)}`, error);
    }
  };
  const kept = readLog(folder)
    .filter((entry) => entry.step <= step)
    .map(formatLine)
    .join('');
  if (existsSync(path) && readFileSync(path, 'utf8') !== kept)
    writeFileAtomically(path, [new TextEncoder().encode(kept)]);
  const file = guarded(() => openSync(path, 'a'));
  return {
    append: (entry) =>
      guarded(() => {
        const bytes = new TextEncoder().encode(formatLine(entry));
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      }),
    sync: () => guarded(() => fsyncSync(file)),
    close: () => closeSync(file),
  };
}

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.js';
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

function isEntry(value: unknown): value is LogEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'step' in value &&
    Number.isSafeInteger(value.step) &&
    // What is no number, such as the null that JSON has for an infinite one, is as if it were not there.
    Object.values(value).every((field) => typeof field === 'number' || field === null)
  );
}

function withoutNulls(entry: LogEntry): LogEntry {
  const fields = Object.entries(entry) as readonly [string, number | null][];
  return fields.some(([, value]) => value === null)
    ? (Object.fromEntries(fields.filter(([, value]) => value !== null)) as unknown as LogEntry)
    : entry;
}

/** A line's entry; undefined for what was cut short or is none. */
function parseLine(line: string): LogEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? withoutNulls(value) : undefined;
  } catch {
    return undefined;
  }
}

/** The run's log; lines that were cut short, or are no entries, are left out. */
export function readLog(folder: string): readonly LogEntry[] {
  const path = join(folder, LOG_FILE);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => parseLine(line) ?? []);
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

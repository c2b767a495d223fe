import { closeSync, existsSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomicFile.js';
import { nestsDeeper } from '../files/text.js';
import { InputError, OutputError, systemReason } from '../errors.js';

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
function parseEntry(text: string): LogEntry | undefined {
  // An editor may have put a byte order mark before the first line.
  const line = text.startsWith('\uFEFF') ? text.slice(1) : text;
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

/** Bytes of a log that are read at a time: logs of long runs need not fit in memory. */
const CHUNK_BYTES = 1 << 20;
/** Longer lines are no entries. */
const MAX_LINE_BYTES = 1 << 16;

/** A file's lines without their ends, one after another; none where there is no file. */
function* linesOf(path: string): Generator<string> {
  if (!existsSync(path)) return;
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      const count = readSync(file, chunk);
      if (count === 0) break;
      const bytes = Buffer.concat([rest, chunk.subarray(0, count)]);
      const end = bytes.lastIndexOf(0x0a);
      // What comes so long without an end is passed over.
      rest = bytes.length - end > MAX_LINE_BYTES ? Buffer.alloc(0) : bytes.subarray(end + 1);
      if (end >= 0) yield* bytes.toString('utf8', 0, end).split('\n');
    }
    if (rest.length > 0) yield rest.toString();
  } catch (error) {
    throw new InputError(`${path}: cannot be read: ${systemReason(error)}`, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * The run's log; lines that were cut short, or are no entries, are left out.
 * @throws InputError when it cannot be read.
 */
export function readLog(folder: string): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  for (const line of linesOf(join(folder, LOG_FILE))) {
    const entry = parseEntry(line);
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

/** The log of who shares a run that another logs. */
export const SILENT_LOG: RunLog = { append() {}, sync() {}, close() {} };

/** The lines to keep, with their ends. */
function* keptLines(path: string, step: number): Generator<Uint8Array> {
  for (const line of linesOf(path)) {
    const entry = parseEntry(line);
    if (entry && entry.step <= step) yield new TextEncoder().encode(formatLine(entry));
  }
}

/** Leaves a log the entries up to a step, all at once; one that has no others is not written again. */
function dropAfter(path: string, step: number): void {
  if (!existsSync(path)) return;
  let kept = 0;
  for (const line of keptLines(path, step)) kept += line.length;
  if (kept !== statSync(path).size) writeFileAtomically(path, keptLines(path, step));
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
  dropAfter(path, step);
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

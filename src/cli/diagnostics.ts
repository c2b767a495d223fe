import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { checkWritable, writeFileAtomically, writeOutputFile } from '../atomicFile.js';
import { OutputError, systemReason, UsageError } from '../errors.js';
import { graphDump, observe, TRACE_BEGINNING, TraceRecorder, verifyPasses } from '../faces/graph.js';
import { requireForeignOutput } from '../index.js';
import { GROUPS } from './flagGroups.js';
import { STREAM } from './streams.js';
import { printMessage } from './terminal.js';

/** Flags that show how graphs are compiled and run, which every command has. */
export const diagnosticFlags = {
  'dump-graph': Flags.string({
    description: 'write each graph into this folder as text, after every compiler pass',
    helpGroup: GROUPS.debugging,
    helpValue: 'DIR',
  }),
  trace: Flags.string({
    description: 'write a Chrome trace of compiling and running graphs into this file',
    helpGroup: GROUPS.debugging,
    helpValue: 'FILE',
  }),
  check: Flags.boolean({
    description: 'verify graphs after every compiler pass, and name the first value that is not finite',
    helpGroup: GROUPS.debugging,
  }),
};

/** Flags of a command as far as they matter here. */
export interface DiagnosticFlags {
  readonly 'dump-graph'?: string | undefined;
  readonly trace?: string | undefined;
  readonly check?: boolean;
  readonly model?: unknown;
  readonly output?: unknown;
  readonly out?: unknown;
  readonly frames?: unknown;
}

/**
 * Finds out before any work whether graphs can be written into a folder. What another command left there would mislead,
 * so it must be empty.
 * @throws OutputError naming the folder.
 */
function checkDumpFolder(folder: string, flags: DiagnosticFlags): void {
  if (folder === '') throw new UsageError('--dump-graph: name a folder');
  requireOwnPlace('--dump-graph', folder, flags);
  let names: readonly string[] | undefined;
  try {
    const isThere = statSync(folder, { throwIfNoEntry: false }) !== undefined;
    names = isThere ? readdirSync(folder) : undefined;
  } catch (error) {
    throw new OutputError(`${folder}: graphs cannot be written there: ${systemReason(error)}`, error);
  }
  if (names !== undefined && names.length > 0)
    throw new OutputError(`${folder}: it is not empty; graphs are written into an empty or a new folder`);
  checkWritable(join(folder, 'graph'));
}

/** @throws UsageError where the trace would take the place of something else, OutputError where it cannot be written. */
function checkTraceFile(file: string, flags: DiagnosticFlags): void {
  if (file === STREAM || file === '' || file.endsWith('/'))
    throw new UsageError(`--trace ${file}: a trace goes to a file; name one`);
  checkWritable(file);
  requireOwnPlace('--trace', file, flags);
  if (typeof flags.model === 'string') requireForeignOutput(flags.model, [file]);
  if (!isReplaceable(file))
    throw new UsageError(`--trace ${file}: it is there already and no trace; choose another name`);
}

/** @throws UsageError where a path is that of another output, or one of the two lies in the other. */
function requireOwnPlace(flag: string, path: string, flags: DiagnosticFlags): void {
  const { output, out, frames, 'dump-graph': dump, trace } = flags;
  const others = {
    '--dump-graph': dump,
    '--trace': trace,
    '--output': output,
    '--out': out,
    '--frames': frames,
  };
  for (const [name, other] of Object.entries(others)) {
    if (name === flag || typeof other !== 'string' || other === STREAM) continue;
    const [own, their] = [resolve(path), resolve(other)];
    const isOutputFolder = name === '--output' || name === '--frames';
    const liesInside = own.startsWith(`${their}/`) && !isOutputFolder;
    if (own === their || liesInside || their.startsWith(`${own}/`))
      throw new UsageError(
        own === their && name === '--output'
          ? `${flag} ${path}: the output has the same name; choose another`
          : `${flag} ${path}: ${name} ${other} is in its way; choose another place`,
      );
  }
}

/** Whether a trace may take the place of what is at a path: of nothing, an empty file, a trace, or what is no file. */
function isReplaceable(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size === 0) return true;
  const beginning = Buffer.alloc(TRACE_BEGINNING.length);
  const opened = openSync(file, 'r');
  try {
    readSync(opened, beginning);
  } finally {
    closeSync(opened);
  }
  return beginning.toString() === TRACE_BEGINNING;
}

const encoder = new TextEncoder();

function* encoded(pieces: Iterable<string>): Generator<Uint8Array> {
  for (const piece of pieces) yield encoder.encode(piece);
}

/** What watches a command's graphs until it ends. */
export interface Diagnostics {
  /** Writes what was gathered; called once, when the command is done or has failed. */
  finish(): Promise<void>;
}

/** Records what takes how long, and writes it when all is done, or when the program is stopped. */
function startTrace(file: string): Diagnostics {
  const recorder = new TraceRecorder();
  const stop = observe(recorder);
  const writeInHaste = () => {
    try {
      stop();
      writeFileAtomically(file, encoded(recorder.json()));
    } catch {
      // The program is being stopped, and there is nobody to tell.
    }
  };
  process.once('exit', writeInHaste);
  return {
    async finish() {
      process.removeListener('exit', writeInHaste);
      stop();
      await writeOutputFile(file, encoded(recorder.json()));
      if (recorder.lostSpans > 0)
        printMessage(`${file}: the trace is full; the last ${recorder.lostSpans} events are not in it`);
    },
  };
}

/**
 * Starts what the flags ask for.
 * @throws UsageError and OutputError, before anything is written, where a file or folder cannot be used.
 */
export function startDiagnostics(flags: DiagnosticFlags): Diagnostics {
  const { 'dump-graph': folder, trace, check } = flags;
  if (folder !== undefined) checkDumpFolder(folder, flags);
  if (trace !== undefined) checkTraceFile(trace, flags);
  const stops: (() => void)[] = [];
  if (folder !== undefined)
    stops.push(
      observe(graphDump((path, text) => writeFileAtomically(join(folder, path), [encoder.encode(text)]))),
    );
  if (check) stops.push(observe(verifyPasses));
  const tracing = trace === undefined ? undefined : startTrace(trace);
  return {
    async finish() {
      for (const stop of stops) stop();
      await tracing?.finish();
    },
  };
}

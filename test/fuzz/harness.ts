import { UserError } from '../../src/errors.js';
import type { Mutator } from './mutators.js';
import { Random, seedOf } from './random.js';

/** A reader of files that anybody may have made. */
export interface Subject {
  readonly name: string;
  /** Inputs that the reader takes, to be changed. */
  readonly inputs: readonly Uint8Array[];
  readonly mutate: Mutator;
  /** Reads an input to its end, as the commands do. @throws a typed error where it is refused */
  read(input: Uint8Array): unknown;
  /** Errors of another kind than `UserError` that this reader's callers expect. */
  readonly typed?: (error: unknown) => boolean;
}

/** What one input came to. */
export interface Outcome {
  readonly accepted: boolean;
  /** What is wrong with that; nothing where all is as it should be. */
  readonly fault?: string;
  readonly cpuSeconds: number;
  /** By how much the process' peak memory rose above what it held before. */
  readonly bytes: number;
}

export const MAX_CPU_SECONDS = 5;
export const MAX_BYTES = 1e9;
const MAX_MESSAGE_LETTERS = 4096;

/** Words of JavaScript's own errors, which say nothing to a user. */
const INTERNAL_WORDS =
  /Cannot (read|set|convert|mix|destructure|access|create)|is not (a function|iterable|a constructor|defined)|\[object |undefined|Maximum call stack|Invalid (array|typed array|string|count|time|code point)|[Oo]ut of (range|bounds|memory)|outside the bounds|allocation failed|The (first )?argument|ERR_[A-Z]+|start offset|byte length of|BigInt/;

function messageFault({ message }: Error): string | undefined {
  if (message.length > MAX_MESSAGE_LETTERS) return `a message of ${message.length} letters`;
  const internal = INTERNAL_WORDS.exec(message);
  return internal ? `its message quotes an internal error: ${message}` : undefined;
}

/** What becomes of one input; errors that nobody catches are the caller's to watch for. */
export async function tryInput(subject: Subject, input: Uint8Array): Promise<Outcome> {
  const before = { cpu: process.cpuUsage(), memory: process.memoryUsage.rss() };
  let accepted = true;
  let fault: string | undefined;
  try {
    await subject.read(input);
  } catch (error) {
    accepted = false;
    if (error instanceof UserError || subject.typed?.(error)) fault = messageFault(error as Error);
    else fault = `an untyped error: ${(error as Error)?.stack ?? String(error)}`;
  }
  const { user, system } = process.cpuUsage(before.cpu);
  const cpuSeconds = (user + system) / 1e6;
  const peak = process.resourceUsage().maxRSS * 1024;
  const bytes = Math.max(0, peak - Math.max(before.memory, peakBefore.bytes));
  peakBefore.bytes = Math.max(peakBefore.bytes, peak);
  if (cpuSeconds > MAX_CPU_SECONDS) fault ??= `${cpuSeconds.toFixed(1)} s of processor time`;
  if (bytes > MAX_BYTES) fault ??= `${Math.round(bytes / 1e6)} MB of memory`;
  return { accepted, cpuSeconds, bytes, ...(fault !== undefined && { fault }) };
}

/** The peak only rises: what it was before says what is new. */
const peakBefore = { bytes: 0 };

/** The input of a number: always the same one. */
export function mutatedInput(subject: Subject, index: number, seed: number): Uint8Array {
  const random = new Random(seedOf(`${subject.name} ${index} ${seed}`));
  return subject.mutate(random.pick(subject.inputs), random);
}

export interface Report {
  readonly subject: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly faults: readonly { readonly index: number; readonly fault: string }[];
  readonly maxCpuSeconds: number;
  readonly maxBytes: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** Hears which input comes next. */
  readonly onInput?: (index: number) => void;
}

/** Feeds a reader with changed inputs, and with those that nobody changed. */
export async function fuzz(subject: Subject, { seed, from, count, onInput }: FuzzOptions): Promise<Report> {
  const faults: { readonly index: number; readonly fault: string }[] = [];
  let [accepted, maxCpuSeconds, maxBytes, current] = [0, 0, 0, -1];
  const stray = (error: unknown) =>
    faults.push({ index: current, fault: `an error that nobody caught: ${(error as Error)?.stack}` });
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);
  try {
    for (const [index, input] of subject.inputs.entries()) {
      const outcome = await tryInput(subject, input);
      if (!outcome.accepted)
        faults.push({ index: -1 - index, fault: 'an input that nobody changed is refused' });
    }
    for (let index = from; index < from + count; index++) {
      current = index;
      onInput?.(index);
      const outcome = await tryInput(subject, mutatedInput(subject, index, seed));
      if (outcome.accepted) accepted++;
      if (outcome.fault !== undefined) faults.push({ index, fault: outcome.fault });
      maxCpuSeconds = Math.max(maxCpuSeconds, outcome.cpuSeconds);
      maxBytes = Math.max(maxBytes, outcome.bytes);
    }
    // Errors of callbacks come a little later.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('uncaughtException', stray);
    process.off('unhandledRejection', stray);
  }
  return { subject: subject.name, inputs: count, accepted, faults, maxCpuSeconds, maxBytes };
}

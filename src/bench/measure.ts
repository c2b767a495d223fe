import { readFileSync } from 'node:fs';
import type { Codes } from '../codes.js';
import { load, type Model } from '../library/model.js';
import { sampleTokens } from '../library/sample.js';
import type { RunPrecision } from '../models/precision.js';
import { machinePeak } from './machinePeak.js';

/** What a process of its own measures. */
export interface Combination {
  readonly folder: string;
  readonly target: string;
  /** As the model is stored, when left out. */
  readonly precision?: RunPrecision;
  readonly threads?: number;
  readonly batch: number;
  readonly steps: number;
  readonly seed: number;
}

/** One round of a combination. */
export interface Measurement {
  /** From the start of the process to the first decoded picture: loading, compiling and a batch. */
  readonly first_image_seconds: number;
  /** Of the codes of a batch when all is compiled, and of its pictures from them. */
  readonly drawing_seconds: number;
  readonly decoding_seconds: number;
  /** Of the process, when the codes were there and nothing was decoded yet. */
  readonly peak_memory_bytes: number;
  /** Of a large product in single precision on the same target, in the same process. */
  readonly peak_flops_per_second: number;
}

/** The most memory that this process has had, in bytes. */
function peakMemory(): number {
  try {
    // What the system adds up for a process may include the one that started it.
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Other systems do not have it.
  }
  return process.resourceUsage().maxRSS * 1024;
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** A batch that takes longer is not drawn once more: what is compiled late does not count beside it. */
const LONG_SECONDS = 20;

/** A batch that was drawn. */
interface Drawn {
  readonly codes: readonly Codes[];
  readonly seconds: number;
  readonly firstStepSeconds: number;
}

/**
 * Draws a batch.
 * @param first number of its first picture
 */
async function drawBatch(
  model: Model,
  { batch, steps, seed }: Combination,
  first: number,
  signal?: AbortSignal,
  onFirstStep: () => void = () => {},
): Promise<Drawn> {
  const classes = Array.from({ length: batch }, (_, index) => (first + index) % model.facts.classes);
  const started = performance.now();
  let firstStepSeconds: number | undefined;
  const { pictures } = await sampleTokens(model, {
    ...{ classes, batch, steps, seed, first },
    ...(signal && { signal }),
    onProgress: () => {
      firstStepSeconds ??= secondsSince(started);
      onFirstStep();
    },
  });
  const seconds = secondsSince(started);
  return {
    codes: pictures.map(({ codes }) => codes),
    seconds,
    firstStepSeconds: firstStepSeconds ?? seconds,
  };
}

/** Compiles what the first step needs, by drawing it. */
async function drawFirstStep(model: Model, combination: Combination): Promise<void> {
  const enough = new AbortController();
  try {
    await drawBatch(model, combination, 0, enough.signal, () => enough.abort());
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
}

/**
 * Draws a first step, one or two batches and a large product, and measures them. The clock of the first picture has run
 * since this process started, and its memory counts as a whole: there should have been nothing else in it.
 */
export async function measure(combination: Combination): Promise<Measurement> {
  const { folder, target, precision, threads, batch } = combination;
  const model = await load(folder, {
    target,
    ...(precision && { precision }),
    ...(threads !== undefined && { threads }),
  });
  try {
    await drawFirstStep(model, combination);
    const cold = await drawBatch(model, combination, 0);
    const peak_memory_bytes = peakMemory();
    await model.tokenizer.decode(cold.codes[0]!);
    // The first step was drawn twice, the second time when it was compiled.
    const first_image_seconds = performance.now() / 1000 - cold.firstStepSeconds;
    const warm = cold.seconds > LONG_SECONDS ? cold : await drawBatch(model, combination, batch);
    const decodingStarted = performance.now();
    for (const codes of warm.codes) await model.tokenizer.decode(codes);
    const decoding_seconds = secondsSince(decodingStarted);
    // The product is to have the machine's memory to itself.
    await model.releaseSamplers();
    const peak_flops_per_second = await machinePeak(model.target);
    return {
      first_image_seconds,
      drawing_seconds: warm.seconds,
      decoding_seconds,
      peak_memory_bytes,
      peak_flops_per_second,
    };
  } finally {
    await model.dispose();
  }
}

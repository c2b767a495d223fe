import type { Codes } from '../codes.js';
import type { Condition } from '../conditions/condition.js';
import type { PictureRequest, SamplingOptions } from './request.js';
import type { Sampler, StepOptions } from './sampler.js';

/** How pictures are drawn, and how many at once. */
export interface SamplePicturesOptions extends SamplingOptions, StepOptions {
  /** The order of each picture, by its number. */
  readonly orderOf: (index: number) => readonly number[];
  /** Pictures sampled together. */
  readonly batch: number;
}

/** A step of a batch, which both count from 0. */
export interface BatchStep {
  readonly batch: number;
  readonly step: number;
}

/** What happens while pictures are sampled. */
export interface SamplePicturesEvents {
  /** Gets the number of steps done, over all pictures, and the step of the batch that was done last. */
  readonly onProgress?: (stepsDone: number, step: BatchStep) => void;
  /** Gets each picture's codes after each step, −1 or NaN where unknown; they change with the next step. */
  readonly onFrame?: (index: number, step: number, codes: Codes) => void;
  /**
   * Gets the codes of each picture that is finished, in their order and one after another, while the next batch is
   * sampled; sampling goes no further ahead.
   */
  readonly onPicture?: (index: number, codes: Codes) => Promise<void> | void;
  /** Hears when the sampler is needed no more, before the last batch is finished, which waits for it. */
  readonly onSampled?: () => Promise<void> | void;
}

/** Work on finished batches beside the sampling of the next: one batch at a time, and none after a failure. */
class FinishingWork {
  private readonly failure = new AbortController();
  private work: Promise<void> = Promise.resolve();

  /** Aborts with the error when the work fails. */
  get signal(): AbortSignal {
    return this.failure.signal;
  }

  /** Starts work once what came before is done. @throws what that failed with. */
  async start(work: () => Promise<void>): Promise<void> {
    await this.done();
    this.work = work().catch((error: unknown) => this.failure.abort(error));
  }

  /** Waits for the work. @throws what it failed with. */
  async done(): Promise<void> {
    await this.settled();
    this.failure.signal.throwIfAborted();
  }

  /** Waits until nothing is under way, however it ends. */
  async settled(): Promise<void> {
    await this.work;
  }
}

/**
 * Samples whole pictures, batch by batch.
 * @param pictures each picture's number under the seed, on which alone its random numbers depend, and its condition
 * @throws what sampling or a listener fails with, when nothing is under way any more.
 */
export async function samplePictures(
  sampler: Sampler,
  pictures: readonly { readonly index: number; readonly condition: Condition }[],
  options: SamplePicturesOptions,
  { onProgress, onFrame, onPicture, onSampled }: SamplePicturesEvents = {},
): Promise<readonly Codes[]> {
  const codes: Codes[] = [];
  const finishing = new FinishingWork();
  const signal = AbortSignal.any([finishing.signal, ...(options.signal ? [options.signal] : [])]);
  try {
    for (let start = 0; start < pictures.length; start += options.batch) {
      const batch = pictures
        .slice(start, start + options.batch)
        .map((picture): PictureRequest => ({ ...picture, order: options.orderOf(picture.index) }));
      const done = await sampler.sample(batch, { ...options, signal }, ({ step, codes: soFar }) => {
        onProgress?.(start * options.steps + (step + 1) * batch.length, {
          batch: start / options.batch,
          step,
        });
        for (const [offset, own] of soFar.entries()) onFrame?.(batch[offset]!.index, step, own);
      });
      if (start + options.batch >= pictures.length) await onSampled?.();
      await finishing.start(async () => {
        for (const [offset, { index }] of batch.entries()) await onPicture?.(index, done[offset]!);
      });
      codes.push(...done);
    }
    await finishing.done();
  } finally {
    await finishing.settled();
  }
  return codes;
}

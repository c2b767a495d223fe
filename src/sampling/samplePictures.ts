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

/** What happens while pictures are sampled. */
export interface SamplePicturesEvents {
  /** Gets the number of steps done, over all pictures. */
  readonly onProgress?: (stepsDone: number) => void;
  /** Gets each picture's tokens after each step, −1 where unknown; they change with the next step. */
  readonly onFrame?: (index: number, step: number, tokens: Int32Array) => void;
  /** Gets the tokens of each picture that is finished, in their order; sampling waits for it. */
  readonly onPicture?: (index: number, tokens: Int32Array) => Promise<void> | void;
}

/**
 * Samples whole pictures, batch by batch.
 * @param pictures each picture's number under the seed, on which alone its random numbers depend, and its condition
 * @returns each picture's tokens in raster order
 */
export async function samplePictures(
  sampler: Sampler,
  pictures: readonly { readonly index: number; readonly condition: Condition }[],
  options: SamplePicturesOptions,
  { onProgress, onFrame, onPicture }: SamplePicturesEvents = {},
): Promise<readonly Int32Array[]> {
  const tokens: Int32Array[] = [];
  for (let start = 0; start < pictures.length; start += options.batch) {
    const batch = pictures
      .slice(start, start + options.batch)
      .map((picture): PictureRequest => ({ ...picture, order: options.orderOf(picture.index) }));
    const done = await sampler.sample(batch, options, ({ step, tokens: soFar }) => {
      onProgress?.(start * options.steps + (step + 1) * batch.length);
      for (const [offset, own] of soFar.entries()) onFrame?.(batch[offset]!.index, step, own);
    });
    for (const [offset, { index }] of batch.entries()) await onPicture?.(index, done[offset]!);
    tokens.push(...done);
  }
  return tokens;
}

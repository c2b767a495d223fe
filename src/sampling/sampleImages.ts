import { randomOrder } from './order.js';
import { samplingPlan } from './plan.js';
import type { SampledImage, Sampler, SamplingOptions } from './sampler.js';
import type { Schedule } from './schedule.js';

export interface SampleImagesOptions extends SamplingOptions {
  readonly steps: number;
  readonly schedule: Schedule;
  /** Raster positions in the order to sample; drawn for each image when left out. */
  readonly order: readonly number[] | undefined;
  /** Images sampled together. */
  readonly batch: number;
}

/** What happens while images are sampled. */
export interface SampleImagesEvents {
  /** Gets the number of steps done, over all images. */
  readonly onProgress?: (stepsDone: number) => void;
  /** Gets each image's tokens after each step, −1 where unknown; they change with the next step. */
  readonly onFrame?: (image: number, step: number, tokens: Int32Array) => void;
  /** Gets the tokens of each image that is finished, in their order; sampling waits for it. */
  readonly onImage?: (image: number, tokens: Int32Array) => Promise<void> | void;
}

/**
 * Samples whole images.
 * @param images each image's number under the seed, on which alone its random numbers depend, and its class; null for none
 * @returns each image's tokens in raster order
 */
export async function sampleImages(
  sampler: Sampler,
  images: readonly { readonly index: number; readonly classId: number | null }[],
  options: SampleImagesOptions,
  { onProgress, onFrame, onImage }: SampleImagesEvents = {},
): Promise<readonly Int32Array[]> {
  const positions = sampler.grid.height * sampler.grid.width;
  const withPlan = ({ index, classId }: (typeof images)[number]): SampledImage => {
    const order = options.order ?? randomOrder(positions, options.seed, index);
    return {
      classId,
      index,
      plan: samplingPlan({ order, steps: options.steps, schedule: options.schedule }),
    };
  };
  const tokens: Int32Array[] = [];
  for (let start = 0; start < images.length; start += options.batch) {
    const batch = images.slice(start, start + options.batch).map(withPlan);
    const done = await sampler.sample(batch, options, ({ step, tokens: soFar }) => {
      onProgress?.(start * options.steps + (step + 1) * batch.length);
      for (const [offset, imageTokens] of soFar.entries()) onFrame?.(batch[offset]!.index, step, imageTokens);
    });
    for (const [offset, { index }] of batch.entries()) await onImage?.(index, done[offset]!);
    tokens.push(...done);
  }
  return tokens;
}

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

/**
 * Samples whole images, numbered from 0 under the seed.
 * @param classIds each image's class; null for none
 * @param onProgress gets the number of steps done, over all images
 * @param onFrame gets each image's tokens after each step, −1 where unknown; they change with the next step
 * @returns each image's tokens in raster order
 */
export async function sampleImages(
  sampler: Sampler,
  classIds: readonly (number | null)[],
  options: SampleImagesOptions,
  onProgress: (stepsDone: number) => void = () => {},
  onFrame: (image: number, step: number, tokens: Int32Array) => void = () => {},
): Promise<readonly Int32Array[]> {
  const positions = sampler.grid.height * sampler.grid.width;
  const imageOf = (index: number): SampledImage => {
    const order = options.order ?? randomOrder(positions, options.seed, index);
    const plan = samplingPlan({ order, steps: options.steps, schedule: options.schedule });
    return { classId: classIds[index]!, index, plan };
  };
  const tokens: Int32Array[] = [];
  for (let start = 0; start < classIds.length; start += options.batch) {
    const size = Math.min(options.batch, classIds.length - start);
    const batch = Array.from({ length: size }, (_, offset) => imageOf(start + offset));
    const done = await sampler.sample(batch, options, ({ step, tokens: soFar }) => {
      onProgress(start * options.steps + (step + 1) * batch.length);
      for (const [offset, imageTokens] of soFar.entries()) onFrame(start + offset, step, imageTokens);
    });
    tokens.push(...done);
  }
  return tokens;
}

import type { Grid } from '../../graphs/rotary.js';
import type { PictureRequest, SamplingOptions, StepReport } from './request.js';

/** How many steps a picture takes, and how its tokens are shared out among them. */
export interface StepOptions {
  readonly steps: number;
  readonly schedule: string;
}

/** A generator ready to sample. */
export interface Sampler {
  readonly grid: Grid;
  /**
   * Samples a batch of pictures that have as many tokens to draw, and as many given.
   * @returns each picture's tokens in raster order
   */
  sample(
    pictures: readonly PictureRequest[],
    options: SamplingOptions & StepOptions,
    onStep?: (report: StepReport) => void,
  ): Promise<readonly Int32Array[]>;
  dispose(): Promise<void>;
}

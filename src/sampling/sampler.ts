import type { Codes } from '../codes.js';
import type { Grid } from '../../graphs/rotary.js';
import type { PictureRequest, SamplingOptions, StepReport } from './request.js';

/** How many steps a picture takes, and how its tokens are shared out among them. */
export interface StepOptions {
  readonly steps: number;
  readonly schedule: string;
}

/** What is known after a step. */
export interface SampledStep extends Omit<StepReport, 'tokens'> {
  readonly codes: readonly Codes[];
}

/** A generator ready to sample. */
export interface Sampler {
  readonly grid: Grid;
  /** Whether parts of pictures take all steps, too. */
  readonly hasFixedSteps: boolean;
  /**
   * Samples a batch of pictures that have as many tokens to draw, and as many given.
   * @param onStep hears each picture's codes after each step, which change with the next
   */
  sample(
    pictures: readonly PictureRequest[],
    options: SamplingOptions & StepOptions,
    onStep?: (step: SampledStep) => void,
  ): Promise<readonly Codes[]>;
  dispose(): Promise<void>;
}

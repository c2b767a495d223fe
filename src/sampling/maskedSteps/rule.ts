import type { StepNoise } from './noise.js';

/** What a rule sees of a picture in a step. */
export interface StepView {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  /** The positions that counts go over, in the order to visit them. */
  readonly order: readonly number[];
  /** How many of them are known once the step is done. */
  readonly after: number;
  /** Whether a raster position is known before the step. */
  isKnown(position: number): boolean;
  readonly noise: StepNoise;
}

/** A token that was drawn. */
export interface Draw {
  readonly code: number;
  /** Logarithm of its probability before any filter: how sure the network is of it. */
  readonly logProbability: number;
}

/** How the positions are chosen that take what is drawn for them. */
export interface ChoosingRule {
  /** Whether the code of a masked token may be drawn, where the network can predict it. */
  readonly drawsMask: boolean;
  /** Whether a position that drew it is unknown again, else it is known to be masked. */
  readonly forgetsMasks: boolean;
  /** The raster positions whose draws may matter. */
  candidates(view: StepView): readonly number[];
  /** Those of them that take their draws; all where there is nothing to choose. */
  choose?(view: StepView, draws: ReadonlyMap<number, Draw>): readonly number[];
}

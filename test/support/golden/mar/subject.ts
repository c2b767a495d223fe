import type { Weights } from '../../../../src/graph/weights.js';
import type { MarFields } from '../../../../src/systems/marFields.js';
import type { Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';

/** One configuration of a set of MAR, ready to be replayed. */
export interface MarSubject {
  readonly fields: MarFields;
  readonly weights: Weights;
  /** The set, for messages. */
  readonly source: string;
  readonly target: Target;
  readonly checklist: Checklist;
}

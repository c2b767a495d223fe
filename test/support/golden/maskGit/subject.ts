import type { Weights } from '../../../../src/graph/weights.js';
import type { MaskGitFields } from '../../../../src/systems/maskGitFields.js';
import type { Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { Sections } from './sections.js';

/** One configuration of a set of MaskGIT, ready to be replayed. */
export interface MaskGitSubject {
  readonly config: MaskGitFields;
  readonly weights: Weights;
  /** What the set tells beside its configuration. */
  readonly sections: Sections;
  /** The set, for messages. */
  readonly source: string;
  readonly target: Target;
  readonly checklist: Checklist;
}

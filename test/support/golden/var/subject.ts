import type { MultiScaleVqConfig } from '../../../../graphs/multiScaleVq.js';
import type { VarConfig } from '../../../../graphs/var.js';
import type { Weights } from '../../../../src/graph/weights.js';
import type { VarFields } from '../../../../src/systems/varFields.js';
import type { Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { VarSections } from './sections.js';

/** One configuration of a set of VAR, ready to be replayed. */
export interface VarSubject {
  readonly fields: VarFields;
  readonly network: VarConfig;
  readonly tokenizer: MultiScaleVqConfig;
  /** The generator's and the tokenizer's. */
  readonly weights: Weights;
  /** What the set tells beside its configuration. */
  readonly sections: VarSections;
  /** The set, for messages. */
  readonly source: string;
  readonly target: Target;
  readonly checklist: Checklist;
}

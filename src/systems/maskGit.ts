import { maskGitStep, maskGitTeacherForced } from '../../graphs/maskGit.js';
import { MASK_SCHEDULES } from '../sampling/maskedSteps/shares.js';
import { MASKGIT_CONFIG, type MaskGitFields, maskGitNetwork } from './maskGitFields.js';
import { drawing } from './maskGitSampling.js';
import { maskGitBatch } from './maskGitTraining.js';
import { defineSystem, type System } from './system.js';

/** What pages need of the system. */
export { drawing };

/** MaskGIT: masked tokens, many at a time, that see the whole picture (arXiv 2202.04200), as Halton-MaskGIT has it. */
export const system: System<MaskGitFields> = /* @__PURE__ */ defineSystem<MaskGitFields>(() => ({
  name: 'maskgit',
  title: 'MaskGIT',
  paper: '2202.04200',
  codes: 'indices',
  conditions: ['none', 'class'],
  can: { known: true, grids: false, order: true },
  choices: { schedules: MASK_SCHEDULES, steps: true, guidance: 'class + (class − null)·G' },
  config: MASKGIT_CONFIG,
  checkpoint: {
    key: 'model_state_dict',
    recognise: (names) =>
      ['transformer.layers.0.attn.wq.weight', 'cls_emb.weight', 'last_norm.norm_final.weight'].every((name) =>
        names.has(name),
      ),
    ignored: [],
    tied: { 'head.weight': 'tok_emb.weight' },
    classRows: () => ({ parameter: 'cls_emb.weight', first: 0 }),
  },
  recipe: {
    conditionDropout: 0.1,
    dropout: 0.1,
    optimizer: { beta2: 0.999, weightDecay: 0.03, decaysVectors: true },
    learningRate: { holdShare: 0.9, finalShare: 0.01 },
  },
  graphs: (fields) => ({ step: () => maskGitStep(maskGitNetwork(fields)) }),
  training: (fields, { dropout = 0 } = {}) => ({
    graph: maskGitTeacherForced(maskGitNetwork(fields), { dropout }),
    batch: (examples, seed) => maskGitBatch(fields, examples, seed),
  }),
  ...drawing,
}));

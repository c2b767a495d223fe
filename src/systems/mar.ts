import { marEncode } from '../../graphs/mar.js';
import { marDenoise, marNoise } from '../../graphs/marDiffusion.js';
import { marTeacherForced } from '../../graphs/marTraining.js';
import { MAR_CONFIG, type MarFields, marNetwork } from './marFields.js';
import { drawing } from './marSampling.js';
import { marBatch } from './marTraining.js';
import { defineSystem, type System } from './system.js';

/** What pages need of the system. */
export { drawing };

/** MAR: masked tokens that are vectors, which a small diffusion draws (arXiv 2406.11838). */
export const system: System<MarFields> = /* @__PURE__ */ defineSystem<MarFields>(() => ({
  name: 'mar',
  title: 'MAR',
  paper: '2406.11838',
  codes: 'vectors',
  conditions: ['none', 'class'],
  can: { known: true, grids: false, order: true },
  choices: { schedules: [], steps: true, guidance: 'null + (class − null)·G' },
  config: MAR_CONFIG,
  checkpoint: {
    key: 'model_ema',
    recognise: (names) =>
      ['z_proj.weight', 'mask_token', 'diffusion_pos_embed_learned', 'diffloss.net.input_proj.weight'].every(
        (name) => names.has(name),
      ),
    ignored: [],
    parameterGraphs: () => ['encode', 'denoise'],
    classRows: () => ({ parameter: 'class_emb.weight', first: 0 }),
  },
  recipe: {
    conditionDropout: 0.1,
    dropout: 0.1,
    optimizer: {
      beta2: 0.95,
      weightDecay: 0.02,
      decaysVectors: false,
      undecayed: /^diffloss\./,
      maxGradientNorm: 3,
    },
    learningRate: { holdShare: 1, finalShare: 1 },
  },
  graphs: (fields) => {
    const config = marNetwork(fields);
    return {
      encode: () => marEncode(config),
      noise: () => marNoise(config),
      denoise: () => marDenoise(config, { isGuided: false }),
      denoise_guided: () => marDenoise(config, { isGuided: true }),
    };
  },
  training: (fields, { dropout = 0 } = {}) => ({
    graph: marTeacherForced(marNetwork(fields), { dropout, noises: fields.diffusion_batch_mul }),
    varying: ['known'],
    batch: (examples, seed, firstDraw) => marBatch(fields, examples, seed, firstDraw),
  }),
  ...drawing,
}));

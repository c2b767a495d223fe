import { type GivenCodes, varNextInput, varStep, varTeacherForced } from '../../graphs/var.js';
import { indexTable, classRow } from './inputs.js';
import { intTensor } from '../targets/target.js';
import { defineSystem, type System } from './system.js';
import { faultOfVar, VAR_PRESETS, type VarFields, varNetwork, varSchema } from './varFields.js';
import { VAR_RECIPE, varRecipeOf } from './varRecipe.js';
import { drawing } from './varSampling.js';

/** What pages need of the system. */
export { drawing };

/** VAR: maps of growing size, each drawn at once (arXiv 2404.02905). */
export const system: System<VarFields> = /* @__PURE__ */ defineSystem<VarFields>(() => ({
  name: 'var',
  title: 'VAR',
  paper: '2404.02905',
  codes: 'scales',
  conditions: ['none', 'class'],
  can: { known: true, grids: false, order: false },
  choices: {
    schedules: [],
    steps: false,
    fixedSteps: 'one per scale',
    guidance: 'class + (class − null)·G at the last scale',
  },
  config: {
    schema: varSchema,
    presets: VAR_PRESETS,
    trainable: {
      small: { depth: 6, embed_dim: 192, num_heads: 6 },
      medium: { depth: 8, embed_dim: 256, num_heads: 8 },
    },
    fault: faultOfVar,
    facts: ({ patch_nums: sides, num_classes: classes, vae_kwargs }) => ({
      grid: { height: sides.at(-1)!, width: sides.at(-1)! },
      classes,
      codes: { kind: 'scales', vocabulary: vae_kwargs.vocab_size, sides },
    }),
    sized: ({ classes, codes, tokenizer }) => {
      const { v_patch_nums, ...vae_kwargs } = tokenizer as Readonly<Record<string, unknown>>;
      return {
        vae_kwargs,
        num_classes: classes,
        patch_nums: codes.kind === 'scales' ? codes.sides : v_patch_nums,
      };
    },
    describe: (fields) => {
      const { dim, layers, heads, quantizer } = varNetwork(fields);
      return `dim ${dim}, ${layers} layers, ${heads} heads, ${quantizer.sides.length} scales`;
    },
  },
  checkpoint: {
    key: '',
    recognise: (names) =>
      ['blocks.0.attn.mat_qkv.weight', 'lvl_embed.weight', 'word_embed.weight'].every((name) =>
        names.has(name),
      ),
    // Files may hold the tokenizer beside it.
    ignored: [
      /(^|\.)lvl_1L$/,
      /(^|\.)attn_bias_for_masking$/,
      /(^|\.)attn\.zero_k_bias$/,
      /^(encoder|decoder|quant_conv|post_quant_conv|quantize)\./,
    ],
    parameterGraphs: ({ patch_nums }) => ['step', ...patch_nums.map((_, scale) => `scale.${scale}`)],
    ofTokenizer: /^quantize\./,
    classRows: () => ({ parameter: 'class_emb.weight', first: 0 }),
  },
  recipe: VAR_RECIPE,
  recipeOf: varRecipeOf,
  graphs: (fields) => {
    const network = varNetwork(fields);
    const nextInputs = (name: string, given: GivenCodes) =>
      network.quantizer.sides.map(
        (_, scale) => [`${name}.${scale}`, () => varNextInput(network, scale, given)] as const,
      );
    return {
      step: () => varStep(network),
      ...Object.fromEntries([...nextInputs('scale', 'numbers'), ...nextInputs('mix', 'mixtures')]),
    };
  },
  training: (fields, { dropout: dropPath = 0 } = {}) => ({
    graph: varTeacherForced(varNetwork(fields), { dropPath }),
    batch: (examples) => ({
      tokens: indexTable(examples),
      class_ids: intTensor(
        [examples.length],
        examples.map(({ condition }) => classRow(condition, fields.num_classes)),
      ),
    }),
  }),
  ...drawing,
}));

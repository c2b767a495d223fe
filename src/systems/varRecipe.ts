import type { OptimizerRecipe, Recipe } from './system.js';
import type { VarFields } from './varFields.js';

const OPTIMIZER: NonNullable<OptimizerRecipe['optimizer']> = {
  beta2: 0.95,
  weightDecay: 0.05,
  decaysVectors: false,
  undecayed: /pos_1LC|pos_start|lvl_embed|ada_gss|scale_mul/,
  maxGradientNorm: 2,
};

/** How VAR is trained (docs/SYSTEMS.md, VAR). */
export const VAR_RECIPE: Recipe = {
  conditionDropout: 0.1,
  dropout: 0,
  optimizer: OPTIMIZER,
  learningRate: { holdShare: 0.05, finalShare: 0.1, isStraight: true },
};

/** Layers from which on networks are trained to lower rates, and from which on they decay more and more. */
const DEEP = 24;
const DEEPER = 30;
const DEEPER_FINAL_DECAY = 0.08;

/** Share of pictures whose last layer adds nothing, in a network of `DEEP` layers. */
const DROP_PATH = 0.1;

/** What depends on the number of layers. */
export function varRecipeOf({ depth }: Pick<VarFields, 'depth'>): Partial<Recipe> {
  return {
    dropout: Math.min(0.5, (DROP_PATH * depth) / DEEP),
    ...(depth >= DEEP && { learningRate: { ...VAR_RECIPE.learningRate!, finalShare: 0.01 } }),
    ...(depth >= DEEPER && { optimizer: { ...OPTIMIZER, finalWeightDecay: DEEPER_FINAL_DECAY } }),
  };
}

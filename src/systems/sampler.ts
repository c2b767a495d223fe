import { codesOf } from '../codes.js';
import type { Grid, RopeScaling } from '../../graphs/rotary.js';
import type { Weights } from '../graph/weights.js';
import { createGraphRunner } from '../sampling/runner.js';
import type { Sampler } from '../sampling/sampler.js';
import type { Target } from '../targets/target.js';
import { requireAbility, requireCondition, requireGrid, requireOrder } from './abilities.js';
import { sampleBatch } from './sampleBatch.js';
import { filledSettings } from './settings.js';
import type { System } from './system.js';

/** A generator: its system, and its own sizes and weights. */
export interface Generator {
  readonly system: System;
  readonly config: object;
  readonly weights: Weights;
}

/**
 * Prepares a generator for sampling on a target; graphs are compiled when first used.
 * @param grid the token grid to sample, by default the trained one
 * @param ropeScaling how positions of another grid than the trained one are turned
 * @throws UsageError, when it is made or samples, for what the system cannot do.
 */
export function createSampler(
  { system, config, weights }: Generator,
  target: Target,
  grid: Grid = system.config.facts(config).grid,
  ropeScaling: RopeScaling = 'extend',
): Sampler {
  requireGrid(system, config, grid);
  const { codes: shape } = system.config.facts(config);
  const runner = createGraphRunner(system.graphs(config, { grid, ropeScaling }), weights, target);
  return {
    grid,
    hasFixedSteps: !system.choices.steps,
    async sample(pictures, options, onStep) {
      for (const { condition, order, known } of pictures) {
        requireCondition(system, condition);
        if (known && known.keep.size > 0) requireAbility(system, 'known');
        else requireOrder(system, config, grid, order);
      }
      const drawn = await sampleBatch(
        runner,
        { drawing: system, config, grid },
        pictures,
        options,
        onStep &&
          (({ tokens, ...report }) =>
            onStep({ ...report, codes: tokens.map((own) => codesOf(shape, grid, own)) })),
      );
      const result = system.drawnCodes?.(config, filledSettings(system.settings, options.own)) ?? shape;
      return drawn.map((own) => codesOf(result, grid, own));
    },
    dispose: () => runner.dispose(),
  };
}

import { InputError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Weights } from '../graph/weights.js';
import type { System } from '../systems/system.js';
import { parameterNames } from './matchParameters.js';

/** The graphs whose parameters a generator's weights are. */
export function parameterGraphs({ graphs, checkpoint }: System, config: object): readonly Graph[] {
  const made = graphs(config);
  return (checkpoint.parameterGraphs?.(config) ?? ['step']).map((name) => made[name]!());
}

/**
 * A generator's weights with those that are its tokenizer's, as its graphs need them.
 * @param tokenizer weights of the tokenizer that it is used with
 * @param source what messages call it
 * @throws InputError when the tokenizer lacks one, or has it in another shape.
 */
export function withTokenizerParameters(
  system: System,
  config: object,
  weights: Weights,
  tokenizer: () => Weights,
  source: string,
): Weights {
  const { ofTokenizer } = system.checkpoint;
  if (!ofTokenizer) return weights;
  const needed = parameterNames(parameterGraphs(system, config)).filter((name) => ofTokenizer.test(name));
  const given = tokenizer();
  const missing = needed.find((name) => !given.has(name));
  if (missing !== undefined)
    throw new InputError(
      `${source}: ${system.title} needs the tokenizer's '${missing}', which it does not have`,
    );
  return new Map([...weights, ...needed.map((name) => [name, given.get(name)!] as const)]);
}

/** A generator's weights without those that are its tokenizer's, as its own file has them. */
export function ownWeights({ checkpoint: { ofTokenizer } }: System, weights: Weights): Weights {
  return ofTokenizer ? new Map([...weights].filter(([name]) => !ofTokenizer.test(name))) : weights;
}

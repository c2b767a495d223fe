import { makeGraph } from './graph.js';
import { interpretStepwise } from './interpret.js';
import type { NdArray } from './ndarray.js';
import type { Tensor } from './node.js';
import type { Attributes, OpDefinition } from './op.js';
import { input } from './sources.js';
import type { TensorType } from './tensorType.js';

/** A composition on inputs of those types, which have names. */
function onPlaceholders<A extends Attributes>(
  compose: (inputs: readonly Tensor[], attributes: A) => readonly Tensor[],
  types: readonly TensorType[],
  attributes: A,
) {
  const inputs = types.map(({ dtype, shape }, index) => input(String(index), dtype, shape));
  return { inputs, outputs: compose(inputs, attributes) };
}

/**
 * Shape rule, reference and decomposition of an operation that is others together, because some target computes them at
 * once.
 * @param compose the others on these inputs
 */
export function composedOf<A extends Attributes>(
  compose: (inputs: readonly Tensor[], attributes: A) => readonly Tensor[],
): Pick<OpDefinition<A>, 'infer' | 'reference' | 'decompose'> {
  return {
    infer: (types, attributes) =>
      onPlaceholders(compose, types, attributes).outputs.map(({ dtype, shape }) => ({ dtype, shape })),
    reference(values, attributes) {
      const { inputs, outputs } = onPlaceholders(compose, values, attributes);
      const named = Object.fromEntries(outputs.map((tensor, index) => [String(index), tensor]));
      const steps = interpretStepwise(
        makeGraph('composed', inputs, named),
        Object.fromEntries(values.entries()) as Readonly<Record<string, NdArray>>,
      );
      for (;;) {
        const { done, value } = steps.next();
        if (done) return outputs.map((_, index) => value[String(index)]!);
      }
    },
    decompose: compose,
  };
}

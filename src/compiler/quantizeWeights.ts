import { type Graph, nodesOf } from '../graph/graph.js';
import { quantizeTensor, type WeightBits } from '../graph/quantized.js';
import { isQuantized } from '../graph/quantizedLayout.js';
import type { Weights } from '../graph/weights.js';
import { linearWeight } from './quantizeLinears.js';

/** Precisions in which linear layers have weights of fewer bits, and of how many. */
const BITS = { int8: 8, int4: 4 } as const satisfies Readonly<Record<string, WeightBits>>;
export type QuantizedPrecision = keyof typeof BITS;

/** Whether linear layers have weights of fewer bits in a precision. */
export function isQuantizedPrecision(precision: string | undefined): precision is QuantizedPrecision {
  return precision !== undefined && Object.hasOwn(BITS, precision);
}

/** The parameters that linear layers alone read. What is looked up, too, such as a tied embedding, is not among them. */
function linearWeights(graphs: readonly Graph[]): ReadonlySet<string> {
  const linear = new Set<string>();
  const other = new Set<string>();
  for (const node of graphs.flatMap(nodesOf)) {
    const weight = linearWeight(node);
    if (weight) linear.add(weight.name);
    for (const { node: source } of node.inputs)
      if (source.kind === 'parameter' && source !== weight) other.add(source.name);
  }
  return new Set([...linear].filter((name) => !other.has(name)));
}

/**
 * The weights with those of linear layers in fewer bits; embeddings, norms, biases and convolutions stay as they are, and
 * so do weights that are in fewer bits already. Nothing is converted before it is read.
 * @param graphs all that read the weights
 */
export function quantizeWeights(
  graphs: readonly Graph[],
  weights: Weights,
  precision: QuantizedPrecision,
): Weights {
  const linear = linearWeights(graphs);
  return new Map(
    [...weights].map(
      ([name, tensor]) =>
        [
          name,
          linear.has(name) && !isQuantized(tensor) ? quantizeTensor(tensor, BITS[precision]) : tensor,
        ] as const,
    ),
  );
}

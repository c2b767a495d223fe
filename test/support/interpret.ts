import type { Graph } from '../../src/graph/graph.js';
import { interpretStepwise } from '../../src/graph/interpret.js';
import type { NdArray } from '../../src/graph/ndarray.js';
import type { Weights } from '../../src/graph/weights.js';

/** Runs a graph in float64, in one go. */
export function interpret(
  graph: Graph,
  inputs: Readonly<Record<string, NdArray>>,
  weights: Weights = new Map(),
): Readonly<Record<string, NdArray>> {
  const steps = interpretStepwise(graph, inputs, weights);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

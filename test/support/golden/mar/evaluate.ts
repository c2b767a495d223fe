import { input, type Tensor } from '../../../../src/dsl/index.js';
import { makeGraph } from '../../../../src/graph/graph.js';
import type { Weights } from '../../../../src/graph/weights.js';
import type { HostTensor, Target } from '../../../../src/targets/target.js';
import { runOnce } from '../subject.js';

const NO_WEIGHTS: Weights = new Map();

/** Builds a graph on some numbers and runs it. */
export async function evaluate<Name extends string>(
  target: Target,
  given: Readonly<Record<Name, HostTensor>>,
  build: (tensors: Readonly<Record<Name, Tensor>>) => Readonly<Record<string, Tensor>>,
  weights: Weights = NO_WEIGHTS,
): Promise<Readonly<Record<string, HostTensor>>> {
  const entries = Object.entries(given) as [Name, HostTensor][];
  const inputs = entries.map(([name, { dtype, shape }]) => [name, input(name, dtype, shape)] as const);
  const outputs = build(Object.fromEntries(inputs) as Readonly<Record<Name, Tensor>>);
  const graph = makeGraph(
    'part',
    inputs.map(([, tensor]) => tensor),
    outputs,
  );
  return runOnce(target, graph, weights, given);
}

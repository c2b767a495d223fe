import { quantizedLinear } from '../../kernels/index.js';
import { type Graph, nodesOf } from '../graph/graph.js';
import type { Node, OperationNode, ParameterNode, Tensor } from '../graph/node.js';
import type { WeightBits } from '../graph/quantized.js';
import { isQuantized } from '../graph/quantizedLayout.js';
import { scope } from '../graph/scope.js';
import type { Weights } from '../graph/weights.js';
import { type Pass, rewriteGraph } from './rewrite.js';

/** The parameter that a product `x·weightᵀ` has on its right; undefined for other operations. */
export function linearWeight(node: Node): ParameterNode | undefined {
  if (node.kind !== 'operation' || !node.op.isLinear?.(node.inputs, node.attributes)) return undefined;
  const [x, weight] = node.inputs as [Tensor, Tensor];
  return weight.node.kind === 'parameter' && x.node.kind !== 'parameter' ? weight.node : undefined;
}

/** Whether some of the weights are stored in whole numbers. */
export function hasQuantized(weights: Weights | undefined): weights is Weights {
  return weights !== undefined && [...weights.values()].some(isQuantized);
}

/** Products of one input with weights of as many bits, which one call computes together. */
interface Group {
  readonly bits: WeightBits;
  readonly members: OperationNode[];
}

function groupsOf(graph: Graph, weights: Weights): ReadonlyMap<Node, Group> {
  const groupsOfInput = new Map<Tensor, readonly Group[]>();
  const groupOf = new Map<Node, Group>();
  for (const node of nodesOf(graph)) {
    const parameter = linearWeight(node);
    const bits = parameter && weights.get(parameter.name)?.quantized?.bits;
    if (bits === undefined || node.kind !== 'operation') continue;
    const [x] = node.inputs as [Tensor];
    const others = groupsOfInput.get(x) ?? [];
    const known = others.find((group) => group.bits === bits);
    const group = known ?? { bits, members: [] };
    if (!known) groupsOfInput.set(x, [...others, group]);
    group.members.push(node);
    groupOf.set(node, group);
  }
  return groupOf;
}

/**
 * Replaces linear layers whose weights are stored in whole numbers by products of whole numbers. Those that read the same
 * input, such as the queries, keys and values of a layer, become one.
 */
export function quantizeLinears(weights: Weights): Pass {
  return {
    name: 'quantize',
    run(graph) {
      const groups = groupsOf(graph, weights);
      if (groups.size === 0) return graph;
      const computed = new Map<Group, readonly Tensor[]>();
      return rewriteGraph(graph, (node, [x]) => {
        const group = groups.get(node);
        if (!group) return undefined;
        const products =
          computed.get(group) ??
          scope(node.scope, () =>
            quantizedLinear(
              x!,
              group.members.map(({ inputs }) => inputs[1]!),
              group.bits,
            ),
          );
        computed.set(group, products);
        return [products[group.members.indexOf(node as OperationNode)]!];
      });
    },
  };
}

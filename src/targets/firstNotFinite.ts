import { type Graph, nodesOf } from '../graph/graph.js';
import type { ConstantData, Node, Tensor } from '../graph/node.js';

/** How elements fail to be finite numbers. */
export type Fault = 'NaN' | 'infinity';

/** The worst that is among the elements; undefined where all are finite. */
export function faultOf(elements: ConstantData | ArrayLike<number>): Fault | undefined {
  let fault: Fault | undefined;
  for (let index = 0; index < elements.length; index++) {
    const value = elements[index]!;
    if (Number.isNaN(value)) return 'NaN';
    if (!Number.isFinite(value)) fault = 'infinity';
  }
  return fault;
}

/** The first node of a graph that gives what is not finite, and what that is. */
export interface Culprit {
  readonly node: Node;
  readonly fault: Fault;
}

/**
 * The node with which the trouble began: of those that lead to an output through nothing but values that are not
 * finite, the first in the order of computation. Infinities that come from a constant are meant, as in a mask, and are
 * passed over while there is anything else.
 * @param faults of the tensors that are not finite
 */
export function firstNotFinite(graph: Graph, faults: ReadonlyMap<Tensor, Fault>): Culprit | undefined {
  const nodes = nodesOf(graph);
  const worstOf = (node: Node): Fault | undefined => {
    const own = node.outputs.map((tensor) => faults.get(tensor));
    return own.includes('NaN') ? 'NaN' : own.find((fault) => fault !== undefined);
  };
  const leading = new Set<Tensor>(Object.values(graph.outputs));
  const guilty: Culprit[] = [];
  for (const node of nodes.toReversed()) {
    const fault = worstOf(node);
    if (fault === undefined || !node.outputs.some((tensor) => leading.has(tensor))) continue;
    guilty.unshift({ node, fault });
    for (const tensor of node.inputs) leading.add(tensor);
  }
  const meant = new Set<Node>();
  for (const { node, fault } of guilty) {
    if (fault === 'NaN') continue;
    const sources = node.inputs.filter((tensor) => faults.has(tensor));
    const fromConstants = sources.length > 0 && sources.every((tensor) => meant.has(tensor.node));
    if (node.kind === 'constant' || fromConstants) meant.add(node);
  }
  return guilty.find(({ node }) => !meant.has(node)) ?? guilty[0];
}

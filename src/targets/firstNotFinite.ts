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

/** The node with which the trouble began, and what it gives. */
export interface Culprit {
  readonly node: Node;
  readonly fault: Fault;
  /** Whether all that it reads is finite. */
  readonly readsFinite: boolean;
}

/**
 * The node with which the trouble began: of those that lead to an output through nothing but values that are not
 * finite, the first in the order of computation. Infinities that come from a constant, as in a mask, are meant and no
 * trouble.
 * @param faults of the tensors that are not finite
 * @returns `meant` where there are no infinities but such; undefined where no value that leads to an output has a fault
 */
export function firstNotFinite(
  graph: Graph,
  faults: ReadonlyMap<Tensor, Fault>,
): Culprit | 'meant' | undefined {
  const guilty = leadingNodes(graph, faults);
  const meant = new Set<Node>();
  for (const { node, fault } of guilty) {
    if (fault === 'NaN') continue;
    const sources = node.inputs.filter((tensor) => faults.has(tensor));
    const fromConstants = sources.length > 0 && sources.every((tensor) => meant.has(tensor.node));
    if (node.kind === 'constant' || fromConstants) meant.add(node);
  }
  const first = guilty.find(({ node }) => !meant.has(node));
  return first ?? (guilty.length > 0 ? 'meant' : undefined);
}

/** The nodes with faults from which nothing but faults lies on a way to an output, in the order of computation. */
function leadingNodes(graph: Graph, faults: ReadonlyMap<Tensor, Fault>): readonly Culprit[] {
  const leading = new Set<Tensor>(Object.values(graph.outputs));
  const found: Culprit[] = [];
  for (const node of nodesOf(graph).toReversed()) {
    const own = node.outputs.flatMap((tensor) => faults.get(tensor) ?? []);
    if (own.length === 0 || !node.outputs.some((tensor) => leading.has(tensor))) continue;
    const readsFinite = !node.inputs.some((tensor) => faults.has(tensor));
    found.push({ node, fault: own.includes('NaN') ? 'NaN' : 'infinity', readsFinite });
    for (const tensor of node.inputs) leading.add(tensor);
  }
  return found.reverse();
}

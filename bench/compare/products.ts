import { symbolsOf } from '../../src/graph/dimension.js';
import { type Graph, nodesOf } from '../../src/graph/graph.js';
import type { Node, Tensor } from '../../src/graph/node.js';

/** A product of activations with a matrix of weights, and the symbol that counts the rows of a picture. */
export interface Product {
  readonly rows: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** Nodes whose values depend on what the graph is given. */
function varyingNodes(graph: Graph): ReadonlySet<Node> {
  const varying = new Set<Node>();
  for (const node of nodesOf(graph))
    if (node.kind === 'input' || node.inputs.some((tensor) => varying.has(tensor.node))) varying.add(node);
  return varying;
}

/**
 * The products with weights that a step cannot do without, in order: those that depend on no input are worked out once,
 * and are left out.
 */
export function productsOf(graph: Graph): readonly Product[] {
  const varying = varyingNodes(graph);
  return nodesOf(graph).flatMap((node): readonly Product[] => {
    if (node.kind !== 'operation' || node.op.name !== 'matmul') return [];
    const [left, right] = node.inputs as [Tensor, Tensor];
    const [rows] = symbolsOf(left.shape[1]!);
    if (!varying.has(left.node) || varying.has(right.node) || rows === undefined) return [];
    return [{ rows, inputs: Number(left.shape.at(-1)), outputs: Number(node.outputs[0]!.shape.at(-1)) }];
  });
}

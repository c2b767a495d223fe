import { type Graph, makeGraph, nodesOf } from '../graph/graph.js';
import type { Node, OperationNode, Tensor } from '../graph/node.js';
import { applyOp } from '../graph/op.js';

/** A graph → graph step of the compiler. */
export interface Pass {
  readonly name: string;
  run(graph: Graph): Graph;
}

/** The same operation on other inputs; the node itself when they are the same. */
export function withInputs(node: OperationNode, inputs: readonly Tensor[]): readonly Tensor[] {
  const unchanged = inputs.every((tensor, index) => tensor === node.inputs[index]);
  return unchanged ? node.outputs : applyOp(node.op, inputs, node.attributes, node.scope);
}

/**
 * Rebuilds a graph from its inputs on. `replace` gets each node with its already rebuilt inputs and returns what
 * stands for its outputs; undefined keeps the node.
 */
export function rewriteGraph(
  graph: Graph,
  replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Graph {
  const rebuilt = new Map<Tensor, Tensor>();
  for (const node of nodesOf(graph)) {
    const inputs = node.inputs.map((tensor) => rebuilt.get(tensor)!);
    const outputs =
      replace(node, inputs) ?? (node.kind === 'operation' ? withInputs(node, inputs) : node.outputs);
    for (const [index, tensor] of node.outputs.entries()) rebuilt.set(tensor, outputs[index]!);
  }
  const outputs = Object.entries(graph.outputs).map(([name, tensor]) => [name, rebuilt.get(tensor)!]);
  return makeGraph(graph.name, graph.inputs, Object.fromEntries(outputs));
}

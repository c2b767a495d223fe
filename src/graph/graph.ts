import { GraphError } from './graphError.js';
import type { InputNode, Node, ParameterNode, Tensor } from './node.js';

/** A network with named inputs and outputs. Its nodes are those that the outputs reach. */
export interface Graph {
  readonly name: string;
  /** Input tensors in call order; an input need not be used. */
  readonly inputs: readonly Tensor[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/**
 * A graph over these inputs and outputs.
 * @throws GraphError when two inputs share a name, or an output reaches an input that is not listed.
 */
export function makeGraph(
  name: string,
  inputs: readonly Tensor[],
  outputs: Readonly<Record<string, Tensor>>,
): Graph {
  const graph: Graph = Object.freeze({
    name,
    inputs: Object.freeze([...inputs]),
    outputs: Object.freeze({ ...outputs }),
  });
  const listed = new Set(inputs.map((input) => input.node));
  const names = inputs.map((input) => inputNode(input).name);
  const repeated = names.find((inputName, index) => names.indexOf(inputName) !== index);
  if (repeated !== undefined) throw new GraphError(`graph '${name}' has two inputs named '${repeated}'`);
  for (const node of nodesOf(graph)) {
    if (node.kind === 'input' && !listed.has(node))
      throw new GraphError(`graph '${name}' uses input '${node.name}' but does not list it`);
  }
  return graph;
}

/** The input node behind a graph's input tensor. */
export function inputNode(tensor: Tensor): InputNode {
  if (tensor.node.kind !== 'input')
    throw new GraphError('only inputs can be listed as graph inputs', tensor.node.scope);
  return tensor.node;
}

/** Nodes that the outputs reach, each after the nodes it reads; the order is the same for the same graph. */
export function nodesOf(graph: Graph): readonly Node[] {
  const order: Node[] = [];
  const visited = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  const enter = (node: Node) => {
    if (visited.has(node)) return;
    visited.add(node);
    stack.push({ node, next: 0 });
  };
  for (const root of [...graph.inputs, ...Object.values(graph.outputs)]) {
    enter(root.node);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const input = top.node.inputs[top.next++];
      if (input) enter(input.node);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}

/** Parameters of the graph, in the order of use. */
export function parametersOf(graph: Graph): readonly ParameterNode[] {
  return nodesOf(graph).filter((node) => node.kind === 'parameter');
}

import { equalShapes } from './dimension.js';
import { type Graph, nodesOf } from './graph.js';
import { GraphError } from './graphError.js';
import type { Node, ParameterNode } from './node.js';
import { formatType } from './tensorType.js';

function verifyOperation(node: Node): void {
  if (node.kind !== 'operation') return;
  const expected = node.op.infer(node.inputs, node.attributes);
  const same =
    expected.length === node.outputs.length &&
    expected.every(({ dtype, shape }, index) => {
      const output = node.outputs[index]!;
      return dtype === output.dtype && equalShapes(shape, output.shape);
    });
  if (!same)
    throw new GraphError(
      `${node.op.name} should give ${expected.map(formatType).join(', ')}, not ${node.outputs.map(formatType).join(', ')}`,
      node.scope,
    );
}

/**
 * Checks that every operation's outputs are what its shape rule says and that parameters of one name agree.
 * @returns the same graph
 * @throws GraphError naming the operation or parameter and its scope.
 */
export function verify(graph: Graph): Graph {
  const parameters = new Map<string, ParameterNode>();
  for (const node of nodesOf(graph)) {
    verifyOperation(node);
    if (node.kind !== 'parameter') continue;
    const other = parameters.get(node.name) ?? node;
    if (!equalShapes(other.outputs[0]!.shape, node.outputs[0]!.shape))
      throw new GraphError(`parameter '${node.name}' is declared with two shapes`, node.scope);
    parameters.set(node.name, other);
  }
  return graph;
}

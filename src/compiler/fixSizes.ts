import { bindShape, type DimBindings, evaluateShape } from '../graph/dimension.js';
import { type Graph, inputNode, makeGraph, nodesOf } from '../graph/graph.js';
import { concreteAttributes } from '../graph/interpret.js';
import type { Node, Tensor } from '../graph/node.js';
import { applyOp } from '../graph/op.js';
import { input } from '../graph/sources.js';

/** The sizes of a graph's symbolic dims, as far as some of its inputs tell them. @param given inputs by name */
export function sizesOf(
  graph: Graph,
  given: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): DimBindings {
  return graph.inputs.reduce<DimBindings>((known, tensor) => {
    const value = given[inputNode(tensor).name];
    return value ? bindShape(tensor.shape, value.shape, known) : known;
  }, {});
}

/**
 * The graph for one choice of sizes, which engines plan and fold better than symbols.
 * @param sizes of all of its symbolic dims
 * @throws RangeError when a symbol has no value.
 */
export function fixSizes(graph: Graph, sizes: DimBindings): Graph {
  const rebuilt = new Map<Tensor, Tensor>();
  const fixed = (node: Node): readonly Tensor[] => {
    switch (node.kind) {
      case 'input': {
        const [{ dtype, shape }] = node.outputs as [Tensor];
        return [input(node.name, dtype, evaluateShape(shape, sizes))];
      }
      case 'operation': {
        const inputs = node.inputs.map((tensor) => rebuilt.get(tensor)!);
        return applyOp(node.op, inputs, concreteAttributes(node.attributes, sizes), node.scope);
      }
      default:
        return node.outputs;
    }
  };
  for (const node of nodesOf(graph)) {
    const outputs = fixed(node);
    for (const [index, tensor] of node.outputs.entries()) rebuilt.set(tensor, outputs[index]!);
  }
  const inputs = graph.inputs.map(
    (tensor) =>
      rebuilt.get(tensor) ?? input(inputNode(tensor).name, tensor.dtype, evaluateShape(tensor.shape, sizes)),
  );
  const outputs = Object.entries(graph.outputs).map(
    ([name, tensor]) => [name, rebuilt.get(tensor)!] as const,
  );
  return makeGraph(graph.name, inputs, Object.fromEntries(outputs));
}

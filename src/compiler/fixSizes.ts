import {
  bindShape,
  type Dim,
  type DimBindings,
  type Shape,
  substituteDim,
  SymbolicDim,
  symbolsOf,
} from '../graph/dimension.js';
import { type Graph, inputNode, makeGraph, nodesOf } from '../graph/graph.js';
import type { Node, Tensor } from '../graph/node.js';
import { applyOp, type AttributeValue } from '../graph/op.js';
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

/** No symbols. */
const NONE: ReadonlySet<string> = new Set();

/**
 * The graph for one choice of sizes, which engines plan and fold better than symbols.
 * @param sizes of all of its symbolic dims but those that vary
 * @param varying symbols that stay (default: none)
 * @throws RangeError when a symbol has no value.
 */
export function fixSizes(graph: Graph, sizes: DimBindings, varying: ReadonlySet<string> = NONE): Graph {
  const chosen = Object.fromEntries(Object.entries(sizes).filter(([symbol]) => !varying.has(symbol)));
  const fixedDim = (value: Dim): Dim => {
    const known = substituteDim(value, chosen);
    const missing = symbolsOf(known).find((symbol) => !varying.has(symbol));
    if (missing !== undefined) throw new RangeError(`dimension '${missing}' has no value`);
    return known;
  };
  const fixedShape = (shape: Shape): Shape => shape.map(fixedDim);
  const fixedAttribute = (value: AttributeValue): AttributeValue => {
    if (value instanceof SymbolicDim) return fixedDim(value);
    return Array.isArray(value) ? fixedShape(value as Shape) : value;
  };
  const rebuilt = new Map<Tensor, Tensor>();
  const fixed = (node: Node): readonly Tensor[] => {
    switch (node.kind) {
      case 'input': {
        const [{ dtype, shape }] = node.outputs as [Tensor];
        return [input(node.name, dtype, fixedShape(shape))];
      }
      case 'operation': {
        const inputs = node.inputs.map((tensor) => rebuilt.get(tensor)!);
        const attributes = Object.entries(node.attributes).map(
          ([name, value]) => [name, fixedAttribute(value)] as const,
        );
        return applyOp(node.op, inputs, Object.fromEntries(attributes), node.scope);
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
    (tensor) => rebuilt.get(tensor) ?? input(inputNode(tensor).name, tensor.dtype, fixedShape(tensor.shape)),
  );
  const outputs = Object.entries(graph.outputs).map(
    ([name, tensor]) => [name, rebuilt.get(tensor)!] as const,
  );
  return makeGraph(graph.name, inputs, Object.fromEntries(outputs));
}

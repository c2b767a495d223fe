import { bindShape, type Dim, type DimBindings, evaluateDim, SymbolicDim } from './dimension.js';
import { type Graph, inputNode, nodesOf } from './graph.js';
import { GraphError } from './graphError.js';
import type { NdArray } from './ndarray.js';
import type { OperationNode, Tensor } from './node.js';
import type { Attributes, AttributeValue } from './op.js';
import { concreteType } from './tensorType.js';
import { readFloats, type Weights, weightOf } from './weights.js';

function concreteAttribute(value: AttributeValue, bindings: DimBindings): AttributeValue {
  if (value instanceof SymbolicDim) return evaluateDim(value, bindings);
  if (Array.isArray(value)) return (value as readonly Dim[]).map((size) => evaluateDim(size, bindings));
  return value;
}

/** Attributes with the symbols in them replaced by their values. */
export function concreteAttributes(attributes: Attributes, bindings: DimBindings): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, concreteAttribute(value, bindings)]),
  );
}

/** Runs one operation with its float64 reference. */
export function evaluateNode(
  node: OperationNode,
  inputs: readonly NdArray[],
  bindings: DimBindings,
): readonly NdArray[] {
  const outputs = node.outputs.map((output) => concreteType(output, bindings));
  return node.op.reference(inputs, concreteAttributes(node.attributes, bindings), outputs);
}

/**
 * The values of the graph's symbolic dims, found from the shapes of its inputs.
 * @throws GraphError naming the input that is missing, of another dtype, or whose shape contradicts the others.
 */
export function bindInputs(
  graph: Graph,
  given: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[] }>>,
): DimBindings {
  return graph.inputs.reduce<DimBindings>((bindings, tensor) => {
    const { name } = inputNode(tensor);
    const value = given[name];
    if (!value) throw new GraphError(`graph '${graph.name}' needs input '${name}'`);
    if (value.dtype !== tensor.dtype)
      throw new GraphError(`input '${name}' must be ${tensor.dtype}, not ${value.dtype}`);
    try {
      return bindShape(tensor.shape, value.shape, bindings);
    } catch (error) {
      throw new GraphError(`input '${name}': ${(error as Error).message}`);
    }
  }, {});
}

/**
 * Runs a graph in float64, node by node.
 * @param inputs by name
 * @param weights parameters by checkpoint name
 * @yields after each node, so that whoever drives it can do other things between
 * @returns the outputs by name
 * @throws GraphError when an input or a weight is missing or does not fit.
 */
export function* interpretStepwise(
  graph: Graph,
  inputs: Readonly<Record<string, NdArray>>,
  weights: Weights = new Map(),
): Generator<void, Readonly<Record<string, NdArray>>> {
  const bindings = bindInputs(graph, inputs);
  const values = new Map<Tensor, NdArray>();
  for (const node of nodesOf(graph)) {
    const [output] = node.outputs;
    switch (node.kind) {
      case 'input':
        values.set(output!, inputs[node.name]!);
        break;
      case 'parameter': {
        const stored = weightOf(weights, node);
        values.set(output!, { dtype: 'f32', shape: stored.shape, data: readFloats(stored) });
        break;
      }
      case 'constant':
        values.set(output!, {
          dtype: output!.dtype,
          shape: concreteType(output!, {}).shape,
          data: node.data,
        });
        break;
      case 'operation': {
        const results = evaluateNode(
          node,
          node.inputs.map((tensor) => values.get(tensor)!),
          bindings,
        );
        for (const [index, tensor] of node.outputs.entries()) values.set(tensor, results[index]!);
      }
    }
    yield;
  }
  return Object.fromEntries(
    Object.entries(graph.outputs).map(([name, tensor]) => [name, values.get(tensor)!]),
  );
}

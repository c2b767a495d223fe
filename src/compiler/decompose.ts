import type { OperationNode, Tensor } from '../graph/node.js';
import type { Attributes, OpDefinition } from '../graph/op.js';
import { GraphError } from '../graph/graphError.js';
import type { TensorType } from '../graph/tensorType.js';
import { scope } from '../graph/scope.js';
import { type Pass, rewriteGraph, withInputs } from './rewrite.js';

/** Whether a target runs an operation, on these inputs and with these attributes, itself. */
export type Supports = (op: OpDefinition, inputs: readonly TensorType[], attributes: Attributes) => boolean;

/**
 * Replaces the operations that a target lacks by simpler ones, until it has all.
 * @throws GraphError when an operation neither is supported nor decomposes.
 */
export function decompose(supports: Supports): Pass {
  const expand = (node: OperationNode, inputs: readonly Tensor[]): readonly Tensor[] => {
    if (supports(node.op, inputs, node.attributes)) return withInputs(node, inputs);
    const simpler = scope(node.scope, () => node.op.decompose?.(inputs, node.attributes));
    if (!simpler)
      throw new GraphError(`the target has no '${node.op.name}' and it cannot be decomposed`, node.scope);
    return expandNew(simpler, new Set(inputs));
  };
  /** Decomposes what a decomposition is made of, back to the tensors it started from. */
  const expandNew = (tensors: readonly Tensor[], known: ReadonlySet<Tensor>): readonly Tensor[] => {
    const done = new Map<Tensor, Tensor>();
    const visit = (tensor: Tensor): Tensor => {
      const { node } = tensor;
      if (known.has(tensor) || node.kind !== 'operation') return tensor;
      if (!done.has(tensor)) {
        const outputs = expand(node, node.inputs.map(visit));
        for (const [index, output] of node.outputs.entries()) done.set(output, outputs[index]!);
      }
      return done.get(tensor)!;
    };
    return tensors.map(visit);
  };
  return {
    name: 'decompose',
    run: (graph) =>
      rewriteGraph(graph, (node, inputs) => (node.kind === 'operation' ? expand(node, inputs) : undefined)),
  };
}

import type { DimBindings } from '../../graph/dimension.js';
import { type Graph, nodesOf } from '../../graph/graph.js';
import type { OpDefinition } from '../../graph/op.js';
import type { OperationNode } from '../../graph/node.js';
import { concreteType } from '../../graph/tensorType.js';

/** Operations that devices compute rightly without elements: those that go element by element, and those that move some. */
function takesNoElements({ gpu, elementsOf, indices }: OpDefinition): boolean {
  return gpu?.kind === 'element' || elementsOf !== undefined || indices !== undefined;
}

/**
 * Whether sizes leave an operation without elements that a device may not run so: onnxruntime's WebGPU provider divides
 * by such sizes, which ends the process, as in a product of matrices whose inner size is 0.
 */
export function emptyOperations(graph: Graph): (bindings: DimBindings) => boolean {
  const operations = nodesOf(graph).filter(
    (node): node is OperationNode => node.kind === 'operation' && !takesNoElements(node.op),
  );
  return (bindings) =>
    operations.some(({ inputs, outputs }) =>
      [...inputs, ...outputs].some((tensor) => concreteType(tensor, bindings).shape.includes(0)),
    );
}

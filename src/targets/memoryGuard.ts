import { totalmem } from 'node:os';
import { countElements, type DimBindings } from '../graph/dimension.js';
import { TargetError } from '../errors.js';
import { type Graph, nodesOf } from '../graph/graph.js';
import type { Node } from '../graph/node.js';
import { concreteType } from '../graph/tensorType.js';

const BYTES_PER_ELEMENT = 4;
const GIGABYTE = 2 ** 30;

function footprint(node: Node, bindings: DimBindings): number {
  const tensors = [...node.inputs, ...node.outputs];
  return (
    tensors.reduce((total, tensor) => total + countElements(concreteType(tensor, bindings).shape), 0) *
    BYTES_PER_ELEMENT
  );
}

/**
 * A check before a run that no single operation needs more memory than the machine has, so that a size that is out
 * of reach ends in a message instead of a killed process. Repeated sizes cost nothing.
 * @param limit bytes; by default the memory of this machine, or of its container
 */
export function memoryGuard(graph: Graph, limit = machineMemory()): (bindings: DimBindings) => void {
  const operations = nodesOf(graph).filter((node) => node.kind === 'operation');
  let checked = '';
  return (bindings) => {
    const key = JSON.stringify(bindings);
    if (key === checked) return;
    for (const node of operations) {
      const bytes = footprint(node, bindings);
      if (bytes > limit) {
        const [needed, available] = [bytes, limit].map((value) => (value / GIGABYTE).toFixed(1));
        throw new TargetError(
          `not enough memory: '${node.op.name}' in ${node.scope || graph.name} needs ${needed} GB of the ${available} GB here; use smaller images or batches`,
        );
      }
    }
    checked = key;
  };
}

function machineMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

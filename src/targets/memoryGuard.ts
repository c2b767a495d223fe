import { totalmem } from 'node:os';
import { addDims, type Dim, type DimBindings, elementCount, evaluateDim } from '../graph/dimension.js';
import { TargetError } from '../errors.js';
import { type Graph, nodesOf } from '../graph/graph.js';

const BYTES_PER_ELEMENT = 4;
const GIGABYTE = 2 ** 30;

/** What an operation needs. */
export interface MemoryNeed {
  readonly operation: string;
  /** Where it is in the graph. */
  readonly place: string;
  /** Elements of its inputs and outputs, and of what it holds meanwhile. */
  readonly elements: Dim;
}

/** What the operations of a graph need; of those that need the same, the first. */
export function memoryNeeds(graph: Graph): readonly MemoryNeed[] {
  const needs = new Map<string, MemoryNeed>();
  for (const node of nodesOf(graph)) {
    if (node.kind !== 'operation') continue;
    const elements = [...node.inputs, ...node.outputs]
      .map(({ shape }) => elementCount(shape))
      .reduce(addDims, node.op.onnxScratch?.(node.inputs, node.attributes) ?? 0);
    const key = String(elements);
    if (!needs.has(key))
      needs.set(key, { operation: node.op.name, place: node.scope || graph.name, elements });
  }
  return [...needs.values()];
}

/**
 * A check before a run that no single operation needs more memory than the machine has, so that a size that is out
 * of reach ends in a message instead of a killed process. Repeated sizes cost nothing.
 * @param limit bytes; by default the memory of this machine, or of its container
 */
export function memoryGuard(
  needs: readonly MemoryNeed[],
  limit = machineMemory(),
): (bindings: DimBindings) => void {
  let checked = '';
  return (bindings) => {
    const key = JSON.stringify(bindings);
    if (key === checked) return;
    for (const { operation, place, elements } of needs) {
      const bytes = evaluateDim(elements, bindings) * BYTES_PER_ELEMENT;
      if (bytes > limit) {
        const [needed, available] = [bytes, limit].map((value) => (value / GIGABYTE).toFixed(1));
        throw new TargetError(
          `not enough memory: '${operation}' in ${place} needs ${needed} GB of the ${available} GB here; use smaller images or batches`,
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

import type { DimBindings } from '../graph/dimension.js';
import { type Graph, inputNode, nodesOf } from '../graph/graph.js';
import type { Node, Tensor } from '../graph/node.js';
import { bytesOf } from './cost.js';
import { concreteType } from '../graph/tensorType.js';

/** What a call of a graph holds in memory beside the weights, in bytes. */
export interface CallMemory {
  /** What it keeps from call to call, `past.*` that it is given and `present.*` that it gives: both are there at once. */
  readonly cache: number;
  /** The most that all else takes at a time: inputs, results that are still read, and outputs. */
  readonly activations: number;
}

/** The tensor whose memory another one shares; its own where it shares none. */
function ownerOf(tensor: Tensor): Tensor {
  const { node } = tensor;
  return node.kind === 'operation' && node.op.renames ? ownerOf(node.inputs[0]!) : tensor;
}

/** The tensors that are kept from call to call. */
function cachesOf({ inputs, outputs }: Graph): ReadonlySet<Tensor> {
  const past = inputs.filter((tensor) => inputNode(tensor).name.startsWith('past.'));
  const present = Object.entries(outputs).flatMap(([name, tensor]) =>
    name.startsWith('present.') ? [ownerOf(tensor)] : [],
  );
  return new Set([...past, ...present]);
}

/** For each node, the tensors that nothing reads after it. */
function lastReads(nodes: readonly Node[], kept: ReadonlySet<Tensor>): ReadonlyMap<Node, readonly Tensor[]> {
  const lastReader = new Map<Tensor, Node>();
  for (const node of nodes) {
    for (const tensor of node.outputs) if (ownerOf(tensor) === tensor) lastReader.set(tensor, node);
    for (const tensor of node.inputs) lastReader.set(ownerOf(tensor), node);
  }
  const ending = new Map<Node, Tensor[]>();
  for (const [tensor, node] of lastReader) {
    if (kept.has(tensor)) continue;
    const own = ending.get(node) ?? [];
    own.push(tensor);
    ending.set(node, own);
  }
  return ending;
}

/** The plan of a graph's memory: tensors are there from the operation that makes them to the last that reads them. */
export function memoryPlan(graph: Graph): (bindings: DimBindings) => CallMemory {
  const nodes = nodesOf(graph);
  const caches = cachesOf(graph);
  // Whoever calls holds the inputs until the outputs are there.
  const kept = new Set([...graph.inputs, ...Object.values(graph.outputs).map(ownerOf), ...caches]);
  const ending = lastReads(nodes, kept);
  const isWorking = (tensor: Tensor): boolean => {
    const { kind } = tensor.node;
    return kind !== 'parameter' && kind !== 'constant' && ownerOf(tensor) === tensor && !caches.has(tensor);
  };
  const made = nodes.map((node) => ({
    gains: node.outputs.filter(isWorking),
    losses: (ending.get(node) ?? []).filter(isWorking),
  }));
  return (bindings) => {
    const size = (tensor: Tensor) => bytesOf(concreteType(tensor, bindings));
    const sum = (tensors: Iterable<Tensor>) =>
      [...tensors].reduce((total, tensor) => total + size(tensor), 0);
    let held = 0;
    let activations = 0;
    for (const { gains, losses } of made) {
      held += sum(gains);
      activations = Math.max(activations, held);
      held -= sum(losses);
    }
    return { cache: sum(caches), activations };
  };
}

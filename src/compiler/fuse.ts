import { type Graph, makeGraph } from '../graph/graph.js';
import type { OperationNode, Tensor } from '../graph/node.js';
import { allOps, type Fusion } from '../graph/op.js';
import { scope } from '../graph/scope.js';
import { type Pass, rewriteGraph, withInputs } from './rewrite.js';

/** What an operation is together with those that make its inputs, by the first that recognises it. */
function fusionOf(node: OperationNode, inputs: readonly Tensor[]): Fusion | undefined {
  for (const { fuses } of allOps()) {
    const fusion = fuses && scope(node.scope, () => fuses(node, inputs));
    if (fusion) return fusion;
  }
  return undefined;
}

/**
 * Replaces an operation and those that make its inputs by one that is all of them. Inputs that the new one gives, too, are
 * read from it by what comes later; where something has read one before, all stays as it is.
 */
export const fuse: Pass = {
  name: 'fuse',
  run(graph): Graph {
    const standIns = new Map<Tensor, Tensor>();
    const read = new Set<Tensor>();
    const current = (tensor: Tensor) => standIns.get(tensor) ?? tensor;
    const rewritten = rewriteGraph(graph, (node, given) => {
      if (node.kind !== 'operation') return undefined;
      const inputs = given.map(current);
      const fusion = fusionOf(node, inputs);
      const replaced = Object.entries(fusion?.inputs ?? {}).map(
        ([index, standIn]) => [inputs[Number(index)]!, standIn] as const,
      );
      const isFirst = replaced.every(([tensor]) => !read.has(tensor));
      for (const tensor of inputs) read.add(tensor);
      if (!fusion || !isFirst) return withInputs(node, inputs);
      for (const [tensor, standIn] of replaced) standIns.set(tensor, standIn);
      return fusion.outputs;
    });
    const outputs = Object.entries(rewritten.outputs).map(([name, tensor]) => [name, current(tensor)]);
    return makeGraph(rewritten.name, rewritten.inputs, Object.fromEntries(outputs));
  },
};

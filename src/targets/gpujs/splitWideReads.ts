import { type Pass, rewriteGraph } from '../../compiler/rewrite.js';
import { scope } from '../../graph/scope.js';

/** Splits operations on any number of inputs, so that no kernel has to read more arrays than it can. */
export function splitWideReads(maxReads: number): Pass {
  return {
    name: 'split-wide-reads',
    run: (graph) =>
      rewriteGraph(graph, (node, inputs) => {
        if (node.kind !== 'operation' || inputs.length <= maxReads) return undefined;
        return scope(node.scope, () => node.op.withFewerInputs?.(inputs, maxReads, node.attributes));
      }),
  };
}

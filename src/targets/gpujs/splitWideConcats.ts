import { concat } from '../../dsl/index.js';
import { type Pass, rewriteGraph } from '../../compiler/rewrite.js';
import type { Tensor } from '../../graph/node.js';
import { scope } from '../../graph/scope.js';

/** Joins so many operands at a time that no kernel has to read more arrays than it can. */
export function splitWideConcats(maxOperands: number): Pass {
  const join = (operands: readonly Tensor[], axis: number): Tensor => {
    if (operands.length <= maxOperands) return concat(operands, axis);
    const groups = Array.from({ length: Math.ceil(operands.length / maxOperands) }, (_, group) =>
      concat(operands.slice(group * maxOperands, (group + 1) * maxOperands), axis),
    );
    return join(groups, axis);
  };
  return {
    name: 'split-wide-concats',
    run: (graph) =>
      rewriteGraph(graph, (node, inputs) => {
        if (node.kind !== 'operation' || node.op.name !== 'concat' || inputs.length <= maxOperands)
          return undefined;
        return scope(node.scope, () => [join(inputs, Number(node.attributes.axis))]);
      }),
  };
}

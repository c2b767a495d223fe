import { exactJson } from '../graph/exactNumber.js';
import type { Node, Tensor } from '../graph/node.js';
import { type Pass, rewriteGraph, withInputs } from './rewrite.js';

/** Longest constant that is compared by its elements. */
const COMPARED_ELEMENTS = 64;

/** Makes equal operations on equal inputs, equal small constants and parameters of one name the same node. */
export const eliminateCommonSubexpressions: Pass = {
  name: 'cse',
  run(graph) {
    const ids = new Map<Tensor, number>();
    const idOf = (tensor: Tensor): number => {
      const id = ids.get(tensor) ?? ids.size;
      ids.set(tensor, id);
      return id;
    };
    const keyOf = (node: Node, inputs: readonly Tensor[]): string | undefined => {
      switch (node.kind) {
        case 'input':
          return undefined;
        case 'parameter':
          return `parameter ${node.name}`;
        case 'constant': {
          const [{ dtype, shape }] = node.outputs as [Tensor];
          return node.data.length > COMPARED_ELEMENTS
            ? undefined
            : `${dtype}[${shape.join()}] ${exactJson([...node.data])}`;
        }
        case 'operation':
          return `${node.op.name}(${inputs.map(idOf).join()}) ${exactJson(node.attributes)}`;
      }
    };
    const seen = new Map<string, readonly Tensor[]>();
    return rewriteGraph(graph, (node, inputs) => {
      const key = keyOf(node, inputs);
      const known = key === undefined ? undefined : seen.get(key);
      if (known || key === undefined) return known;
      const kept = node.kind === 'operation' ? withInputs(node, inputs) : node.outputs;
      seen.set(key, kept);
      return kept;
    });
  },
};

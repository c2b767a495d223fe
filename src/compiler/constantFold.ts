import { countElements, SymbolicDim } from '../graph/dimension.js';
import { evaluateNode } from '../graph/interpret.js';
import type { NdArray } from '../graph/ndarray.js';
import type { OperationNode, Tensor } from '../graph/node.js';
import { scope } from '../graph/scope.js';
import { constant } from '../graph/sources.js';
import { concreteType } from '../graph/tensorType.js';
import { readFloats, type Weights, weightOf } from '../graph/weights.js';
import { type Pass, rewriteGraph } from './rewrite.js';

/** Folding must make the model neither larger nor slow to load: results and work stay below these. */
const MAX_RESULT_ELEMENTS = 1 << 20;
const MAX_FLOPS = 5e7;

function isFoldable(node: OperationNode): boolean {
  const types = [...node.inputs, ...node.outputs];
  const sizes = [...types.flatMap((type) => type.shape), ...Object.values(node.attributes).flat()];
  const symbolic = sizes.some((size) => size instanceof SymbolicDim);
  if (symbolic) return false;
  const inputs = node.inputs.map((input) => concreteType(input, {}));
  const outputs = node.outputs.map((output) => concreteType(output, {}));
  const elements = outputs.reduce((total, { shape }) => total + countElements(shape), 0);
  const flops = node.op.flops?.(inputs, outputs, node.attributes) ?? elements;
  return elements <= MAX_RESULT_ELEMENTS && flops <= MAX_FLOPS;
}

/**
 * Replaces operations on constants, and on parameters where the weights are known, by their values.
 */
export function constantFold(weights?: Weights): Pass {
  return {
    name: 'constant-fold',
    run(graph) {
      const floats = new Map<string, NdArray>();
      const known = ({ node, dtype, shape }: Tensor): NdArray | undefined => {
        if (node.kind === 'constant') return { dtype, shape: shape as readonly number[], data: node.data };
        if (node.kind !== 'parameter' || !weights) return undefined;
        const cached = floats.get(node.name);
        if (cached) return cached;
        const stored = weightOf(weights, node);
        const value: NdArray = { dtype: 'f32', shape: stored.shape, data: readFloats(stored) };
        floats.set(node.name, value);
        return value;
      };
      const isKnown = ({ node }: Tensor) =>
        node.kind === 'constant' || (node.kind === 'parameter' && weights !== undefined);
      return rewriteGraph(graph, (node, inputs) => {
        if (node.kind !== 'operation' || !inputs.every(isKnown) || !isFoldable(node)) return undefined;
        const values = inputs.map((tensor) => known(tensor)!);
        return scope(node.scope, () =>
          evaluateNode(node, values, {}).map(({ dtype, shape, data }) => constant(dtype, shape, data)),
        );
      });
    },
  };
}

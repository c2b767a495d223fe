import * as ops from '../../kernels/index.js';
import { equalShapes } from '../graph/dimension.js';
import { type Graph, makeGraph, nodesOf } from '../graph/graph.js';
import { GraphError } from '../graph/graphError.js';
import type { Node, OperationNode, Tensor } from '../graph/node.js';
import { applyOp } from '../graph/op.js';
import { scope } from '../graph/scope.js';
import { scalar } from '../graph/sources.js';
import { decompose } from './decompose.js';
import { delayStretches } from './simplify.js';

/** Nodes that depend on one of the tensors. */
function dependents(nodes: readonly Node[], sources: ReadonlySet<Tensor>): ReadonlySet<Node> {
  const found = new Set<Node>();
  for (const node of nodes) {
    const reaches = node.inputs.some((input) => sources.has(input) || found.has(input.node));
    if (reaches) found.add(node);
  }
  return found;
}

function zerosLike(tensor: Tensor): Tensor {
  return ops.broadcastTo(
    ops.reshape(
      scalar(0),
      tensor.shape.map(() => 1),
    ),
    tensor.shape,
  );
}

export interface GradientOptions {
  /** Keep only what enters each block, and compute the rest again when the block's gradient is due (default false). */
  readonly recompute?: boolean;
}

/** A block of a network: the scopes down to a numbered one, such as `layers.self_dec.3` of `layers.self_dec.3.attn`. */
function blockOf(node: Node): string | undefined {
  return /^.*?\.\d+(?=\.|$)/.exec(node.scope)?.[0];
}

/**
 * Finds for each node of a block the same node computed again (Chen et al., 2016). What the copies read from outside
 * the block waits for the gradient that enters it, so that they cannot be merged with the first computation.
 */
function recomputation(
  nodes: readonly Node[],
  active: ReadonlySet<Node>,
): (node: OperationNode, gradient: Tensor) => OperationNode {
  const copies = new Map<string, ReadonlyMap<Tensor, Tensor>>();
  const copyBlock = (block: string, gradient: Tensor): ReadonlyMap<Tensor, Tensor> => {
    const copied = new Map<Tensor, Tensor>();
    const read = (tensor: Tensor): Tensor => {
      const known = copied.get(tensor);
      if (known || tensor.node.kind !== 'operation' || !active.has(tensor.node)) return known ?? tensor;
      copied.set(tensor, ops.after(tensor, gradient));
      return copied.get(tensor)!;
    };
    for (const node of nodes) {
      if (node.kind !== 'operation' || !active.has(node) || blockOf(node) !== block) continue;
      const again = applyOp(node.op, node.inputs.map(read), node.attributes, node.scope);
      for (const [index, output] of node.outputs.entries()) copied.set(output, again[index]!);
    }
    return copied;
  };
  return (node, gradient) => {
    const block = blockOf(node);
    if (block === undefined) return node;
    if (!copies.has(block)) copies.set(block, copyBlock(block, gradient));
    return copies.get(block)!.get(node.outputs[0]!)!.node as OperationNode;
  };
}

/**
 * Reverse-mode differentiation: the gradient of one output by some tensors of the graph, as a part of a graph like
 * any other. Operations without a gradient rule must have been decomposed (`differentiable`).
 * @param loss a tensor without axes, or whose elements' sum is differentiated
 * @param tensors inputs or parameters of the graph that leads to the loss
 * @returns the gradient of each tensor, of its shape; zeros where the loss does not depend on it
 * @throws GraphError naming an operation that cannot be differentiated.
 */
export function gradientsOf(
  loss: Tensor,
  tensors: readonly Tensor[],
  { recompute = false }: GradientOptions = {},
): readonly Tensor[] {
  const nodes = nodesOf({ name: 'gradient', inputs: [], outputs: { loss } });
  const sources = new Set(tensors);
  const active = dependents(nodes, sources);
  const again = recompute ? recomputation(nodes, active) : (node: OperationNode) => node;
  const gradients = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor) => {
    if (!equalShapes(gradient.shape, tensor.shape))
      throw new GraphError(
        `a gradient of shape [${gradient.shape.join(', ')}] for a tensor of shape [${tensor.shape.join(', ')}]`,
        tensor.node.scope,
      );
    const known = gradients.get(tensor);
    gradients.set(tensor, known ? ops.add(known, gradient) : gradient);
  };
  accumulate(
    loss,
    ops.broadcastTo(
      ops.reshape(
        scalar(1),
        loss.shape.map(() => 1),
      ),
      loss.shape,
    ),
  );
  for (const node of nodes.toReversed()) {
    if (node.kind !== 'operation' || !active.has(node)) continue;
    const known = node.outputs.map((output) => gradients.get(output));
    if (known.every((gradient) => gradient === undefined)) continue;
    const { gradient: rule } = node.op;
    if (!rule) throw new GraphError(`'${node.op.name}' cannot be differentiated`, node.scope);
    scope(node.scope, () => {
      const outer = node.outputs.map((output, index) => known[index] ?? zerosLike(output));
      const { inputs, outputs } = again(node, known.find((gradient) => gradient !== undefined)!);
      const inner = rule(outer, {
        inputs,
        outputs,
        attributes: node.attributes,
        ops,
      });
      for (const [index, input] of node.inputs.entries()) {
        const gradient = inner[index];
        if (gradient && (sources.has(input) || active.has(input.node))) accumulate(input, gradient);
      }
    });
  }
  return tensors.map((tensor) => gradients.get(tensor) ?? zerosLike(tensor));
}

/**
 * The graph with every operation that has no gradient rule decomposed into ones that have. Stretches come as
 * late as possible first, so that what is the same for many rows is computed once, and its gradient too.
 */
export function differentiable(graph: Graph): Graph {
  return decompose((op) => op.gradient !== undefined || op.decompose === undefined).run(
    delayStretches.run(graph),
  );
}

/**
 * The graph with one more output, `gradient.<name>`, for each input or parameter named.
 * @param lossName the output to differentiate
 * @throws GraphError when there is no such output, input or parameter.
 */
export function withGradients(graph: Graph, lossName: string, names: readonly string[]): Graph {
  const prepared = differentiable(graph);
  const loss = prepared.outputs[lossName];
  if (!loss) throw new GraphError(`graph '${graph.name}' has no output '${lossName}'`);
  const named = new Map(
    nodesOf(prepared).flatMap((node) =>
      node.kind === 'input' || node.kind === 'parameter' ? [[node.name, node.outputs[0]!] as const] : [],
    ),
  );
  const tensors = names.map((name) => {
    const tensor = named.get(name);
    if (!tensor) throw new GraphError(`graph '${graph.name}' has no input or parameter '${name}'`);
    return tensor;
  });
  const gradients = gradientsOf(loss, tensors);
  const outputs = Object.fromEntries(names.map((name, index) => [`gradient.${name}`, gradients[index]!]));
  return makeGraph(`${graph.name}-gradient`, prepared.inputs, { ...prepared.outputs, ...outputs });
}

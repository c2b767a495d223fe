import { broadcastTo, reshape } from '../../kernels/index.js';
import { equalShapes, type Shape } from '../graph/dimension.js';
import type { OperationNode, Tensor } from '../graph/node.js';
import { applyOp } from '../graph/op.js';
import { scope } from '../graph/scope.js';
import { broadcastShapes } from '../graph/shapes.js';
import { type Pass, rewriteGraph, withInputs } from './rewrite.js';

/** What a stretched tensor was before; undefined for any other tensor. */
function unstretched(tensor: Tensor | undefined): Tensor | undefined {
  const node = tensor?.node;
  return node?.kind === 'operation' && node.op.stretches ? node.inputs[0] : undefined;
}

/**
 * op(stretch(x)) → stretch(op(x)) where only whole rows are repeated, so that the work is done once. This is what
 * lets the first cross-decoder layer's query, which is the same at all positions, fold into a constant.
 */
function delayBroadcast(node: OperationNode, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  const [stretched, ...others] = inputs;
  const source = unstretched(stretched);
  const rowAxes = node.op.rowAxes?.(inputs, node.attributes);
  if (!source || !stretched || rowAxes === undefined) return undefined;
  const rank = stretched.shape.length;
  const aligned: Shape = [...new Array<number>(rank - source.shape.length).fill(1), ...source.shape];
  const rowsKept = equalShapes(aligned.slice(rank - rowAxes), stretched.shape.slice(rank - rowAxes));
  if (!rowsKept) return undefined;
  const results = applyOp(node.op, [reshapeTo(source, aligned), ...others], node.attributes);
  return results.map((result, index) => broadcastTo(result, node.outputs[index]!.shape));
}

function reshapeTo(tensor: Tensor, shape: Shape): Tensor {
  return equalShapes(tensor.shape, shape) ? tensor : reshape(tensor, shape);
}

/** op(stretch(a), b) → op(a, b) where the operation stretches a to the same shape by itself. */
function dropBroadcast(node: OperationNode, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  if (!node.op.broadcasts) return undefined;
  for (const [index, tensor] of inputs.entries()) {
    const source = unstretched(tensor);
    if (!source) continue;
    const replaced = inputs.with(index, source);
    const shape = broadcastShapes(...replaced.map((operand) => operand.shape));
    if (equalShapes(shape, node.outputs[0]!.shape)) return applyOp(node.op, replaced, node.attributes);
  }
  return undefined;
}

/** What stands for an operation's outputs, given its rebuilt inputs; undefined where there is nothing cheaper. */
type Rule = (node: OperationNode, inputs: readonly Tensor[]) => readonly Tensor[] | undefined;

const stretchLater: Rule = (node, inputs) => dropBroadcast(node, inputs) ?? delayBroadcast(node, inputs);

const simplifyOnce: Rule = (node, inputs) =>
  node.op.simplify?.(inputs, node.attributes) ?? stretchLater(node, inputs);

/** Rewrites a node until the rule applies no more; each use makes the graph smaller or moves work before a stretch. */
function rewriteFully(rule: Rule, node: OperationNode, inputs: readonly Tensor[]): readonly Tensor[] {
  const simpler = scope(node.scope, () => rule(node, inputs));
  if (!simpler) return withInputs(node, inputs);
  return simpler.map((tensor) => {
    const made = tensor.node;
    const known = inputs.includes(tensor) || made.kind !== 'operation';
    return known ? tensor : rewriteFully(rule, made, made.inputs)[tensor.index]!;
  });
}

function passOf(name: string, rule: Rule): Pass {
  return {
    name,
    run: (graph) =>
      rewriteGraph(graph, (node, inputs) =>
        node.kind === 'operation' ? rewriteFully(rule, node, inputs) : undefined,
      ),
  };
}

/** Rewrites operations to cheaper equals: each op's own rules, and stretching as late as possible. */
export const simplify: Pass = passOf('simplify', simplifyOnce);

/**
 * Stretches as late as possible and does nothing else. Unlike an operation's own rules, which know values alone and drop
 * what only stops gradients, this may run before a graph is differentiated.
 */
export const delayStretches: Pass = passOf('delay-stretches', stretchLater);

import { rewriteGraph } from '../../src/compiler/rewrite.js';
import type { Graph } from '../../src/graph/graph.js';
import { applyOp } from '../../src/graph/op.js';
import type { Target } from '../../src/targets/target.js';

/**
 * ARPG's step with pass 1 causal, as it is in training: what is new sees the past and what comes before it, not all that is
 * fed with it. Pass 2 still sees everything. Graphs of other systems are as they were.
 */
export function withCausalContent(graph: Graph): Graph {
  return rewriteGraph(graph, (node, inputs) =>
    node.kind === 'operation' && node.op.name === 'attention' && node.scope.startsWith('layers.self_dec.')
      ? applyOp(node.op, inputs, { ...node.attributes, causal: true }, node.scope)
      : undefined,
  );
}

/** A target that runs ARPG's steps under that mask. */
export function causalTarget(target: Target): Target {
  return { ...target, compile: (graph, options) => target.compile(withCausalContent(graph), options) };
}

import { rewriteGraph } from '../compiler/rewrite.js';
import { multiplyDims, randomUniform } from '../dsl/index.js';
import { elementCount, type Shape } from '../graph/dimension.js';
import type { Graph } from '../graph/graph.js';

/** The operation whose numbers are told apart by their place in a tensor. */
const DRAWS = 'randomUniform';

/**
 * A loss graph for rows that are some of a larger batch: what it draws, dropout, is what those rows would have in the
 * whole. All that is drawn there has the batch as its first axis.
 * @param firstRow of the share among the rows of the batch
 */
export function forRowsFrom(lossGraph: Graph, firstRow: number): Graph {
  if (firstRow === 0) return lossGraph;
  return rewriteGraph(lossGraph, (node, [key]) => {
    if (node.kind !== 'operation' || node.op.name !== DRAWS) return undefined;
    const shape = node.attributes.shape as Shape;
    return [randomUniform(key!, shape, multiplyDims(firstRow, elementCount(shape.slice(1))))];
  });
}

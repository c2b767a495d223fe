import type { Graph } from '../graph/graph.js';
import type { OpDefinition } from '../graph/op.js';
import { verify } from '../graph/verify.js';
import type { Weights } from '../graph/weights.js';
import { eliminateCommonSubexpressions } from './commonSubexpressions.js';
import { constantFold } from './constantFold.js';
import { decompose } from './decompose.js';
import type { Pass } from './rewrite.js';
import { simplify } from './simplify.js';

export interface CompileOptions {
  /** Which operations the target runs itself; others are decomposed. */
  readonly supports: (op: OpDefinition) => boolean;
  /** Weights that will not change, so that what depends only on them can be computed now. */
  readonly weights?: Weights;
  /** Sees the graph after each pass. */
  readonly onPass?: (name: string, graph: Graph) => void;
}

/** The passes in order; a name given twice is a pass that runs twice. */
function passesFor({ supports, weights }: CompileOptions): readonly Pass[] {
  return [
    { name: 'verify', run: verify },
    simplify,
    eliminateCommonSubexpressions,
    decompose(supports),
    constantFold(weights),
    simplify,
    eliminateCommonSubexpressions,
    constantFold(weights),
  ];
}

/** Names that `--after` takes: the state of the graph when the pass of that name has run for the last time. */
export const PASS_NAMES: readonly string[] = [
  'build',
  'verify',
  'simplify',
  'cse',
  'decompose',
  'constant-fold',
];

/** Brings a graph into the form that a target runs. */
export function compileGraph(graph: Graph, options: CompileOptions): Graph {
  options.onPass?.('build', graph);
  return passesFor(options).reduce((current, pass) => {
    const next = pass.run(current);
    options.onPass?.(pass.name, next);
    return next;
  }, graph);
}

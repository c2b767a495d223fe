import type { Graph } from '../graph/graph.js';
import { verify } from '../graph/verify.js';
import type { Weights } from '../graph/weights.js';
import { observeCompilation, type PassListener, withSpan } from '../inspect/observer.js';
import { eliminateCommonSubexpressions } from './commonSubexpressions.js';
import { constantFold } from './constantFold.js';
import { decompose, type Supports } from './decompose.js';
import { hasQuantized, quantizeLinears } from './quantizeLinears.js';
import type { Pass } from './rewrite.js';
import { simplify } from './simplify.js';

export interface CompileOptions {
  /** Which operations the target runs itself; others are decomposed. */
  readonly supports: Supports;
  /** Weights that will not change, so that what depends only on them can be computed now. */
  readonly weights?: Weights;
  /** Sees the graph after each pass. */
  readonly onPass?: PassListener;
  /** Passes of the target's own, which run last. */
  readonly ownPasses?: readonly Pass[];
}

/** Checks a graph as it was given. */
export const verifyPass: Pass = { name: 'verify', run: verify };

/** The passes in order; a name given twice is a pass that runs twice. */
function passesFor({ supports, weights, ownPasses = [] }: CompileOptions): readonly Pass[] {
  return [
    verifyPass,
    simplify,
    eliminateCommonSubexpressions,
    decompose(supports),
    constantFold(weights),
    simplify,
    eliminateCommonSubexpressions,
    constantFold(weights),
    ...(hasQuantized(weights) ? [quantizeLinears(weights), decompose(supports)] : []),
    ...ownPasses,
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
  'quantize',
];

/**
 * Runs passes one after another, watched by whoever observes compilations.
 * @param onPass sees the graph as it is given, under the name `build`, and after each pass
 */
export function runPasses(graph: Graph, passes: readonly Pass[], onPass?: PassListener): Graph {
  const observers = observeCompilation(graph);
  const report: PassListener = (name, state) => {
    observers(name, state);
    onPass?.(name, state);
  };
  const run = () => {
    report('build', graph);
    return passes.reduce((current, pass) => {
      const next = withSpan(
        'pass',
        pass.name,
        () => ({ graph: graph.name }),
        () => pass.run(current),
      );
      report(pass.name, next);
      return next;
    }, graph);
  };
  return withSpan('compile', `compile ${graph.name}`, () => ({}), run);
}

/** Brings a graph into the form that a target runs. */
export function compileGraph(graph: Graph, options: CompileOptions): Graph {
  return runPasses(graph, passesFor(options), options.onPass);
}

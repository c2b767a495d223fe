import { GraphError } from '../graph/graphError.js';
import { verify } from '../graph/verify.js';
import type { Observer } from './observer.js';

/**
 * Verifies each graph after every compiler pass. A graph that is wrong ends the compilation with a GraphError that
 * names the pass.
 */
export const verifyPasses: Observer = {
  onCompile:
    ({ name }) =>
    (pass, graph) => {
      try {
        verify(graph);
      } catch (error) {
        throw new GraphError(
          `graph '${name}' is wrong after the compiler pass '${pass}': ${(error as Error).message}`,
        );
      }
    },
};

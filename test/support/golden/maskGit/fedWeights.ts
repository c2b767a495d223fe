import { InputError } from '../../../../src/errors.js';
import { type Graph, parametersOf } from '../../../../src/graph/graph.js';
import { storedFloats, type Weights } from '../../../../src/graph/weights.js';
import type { Checklist } from '../checklist.js';

/**
 * The weights of a graph from among a set's numbers.
 * @param prefix what stands before the parameters' names
 * @throws InputError for numbers that are missing or no floats.
 */
export function fedWeights(checklist: Checklist, prefix: string, graph: Graph): Weights {
  return new Map(
    parametersOf(graph).map(({ name }) => {
      const { shape, data } = checklist.feed(prefix + name);
      if (!(data instanceof Float32Array)) throw new InputError(`'${prefix}${name}' holds no floats`);
      return [name, storedFloats(shape, data)] as const;
    }),
  );
}

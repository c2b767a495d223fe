import { countElements } from '../graph/dimension.js';
import { type Graph, parametersOf } from '../graph/graph.js';
import type { Initializer } from '../graph/node.js';
import { type StoredTensor, storedFloats, type Weights } from '../graph/weights.js';

/** Uniform numbers in [−0.02·√3, 0.02·√3) deviate by 0.02, as layers do before training. */
const BOUND = 0.02 * Math.sqrt(3);

/** Fast uniform numbers in [−1, 1) (xorshift32); their quality does not matter here. */
function uniformSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 0x80000000;
  };
}

function fill(values: Float32Array, initializer: Initializer, random: () => number): Float32Array {
  switch (initializer.kind) {
    case 'ones':
      return values.fill(1);
    case 'filled':
      return values.fill(initializer.value);
    case 'uniform':
    // What starts at zero would make every token equally likely, so it gets the other layers' spread.
    case 'zeros':
    case 'normal':
    case 'normalParts': {
      const bound = initializer.kind === 'uniform' ? initializer.bound : BOUND;
      // By index: calling back for each element takes several times as long.
      for (let index = 0; index < values.length; index++) values[index] = random() * bound;
      return values;
    }
  }
}

/**
 * Random weights for all parameters of some graphs, for measuring networks without trained ones. The same seed gives the
 * same; elements are made when they are read.
 * @param seed a whole number from 0
 */
export function randomWeights(graphs: readonly Graph[], seed = 0): Weights {
  const parameters = new Map(graphs.flatMap(parametersOf).map((node) => [node.name, node]));
  return new Map(
    [...parameters.values()].map((node, index): [string, StoredTensor] => {
      const shape = node.outputs[0]!.shape as readonly number[];
      // A state of 0 stays 0.
      const state = (Math.imul(seed, 0x9e3779b1) ^ (index + 1)) | 0 || 1;
      const make = () => fill(new Float32Array(countElements(shape)), node.initializer, uniformSource(state));
      return [node.name, { dtype: 'f32', shape, read: () => storedFloats(shape, make()).read() }];
    }),
  );
}

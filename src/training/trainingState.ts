import { uniformFor } from '../random/draws.js';
import { countElements } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { Initializer } from '../graph/node.js';
import { readFloats, type StoredTensor, storedFloats, type Weights, weightOf } from '../graph/weights.js';
import { type DeviceTensor, floatTensor, isDeviceTensor, type TargetTensor } from '../targets/target.js';
import {
  type AdamWOptions,
  type StatePart,
  stateInputs,
  stateName,
  statePartsOf,
  trainedParameters,
} from './trainingStep.js';

/** The inputs of a training step that its outputs replace, by name. */
export type TrainingState = Readonly<Record<string, TargetTensor>>;

/** Numbers of a standard normal distribution (Box and Muller), by seed, parameter and element. */
function normal(seed: number, parameter: number, element: number): number {
  const [radius, angle] = [0, 1].map((half) =>
    uniformFor(seed, parameter, 2 * element + half, 'initialWeights'),
  ) as [number, number];
  return Math.sqrt(-2 * Math.log(1 - radius)) * Math.cos(2 * Math.PI * angle);
}

function initialize(initializer: Initializer, count: number, seed: number, parameter: number): Float32Array {
  switch (initializer.kind) {
    case 'zeros':
      return new Float32Array(count);
    case 'ones':
      return new Float32Array(count).fill(1);
    case 'uniform':
      return Float32Array.from(
        { length: count },
        (_, element) => (2 * uniformFor(seed, parameter, element, 'initialWeights') - 1) * initializer.bound,
      );
    case 'normal':
      return Float32Array.from(
        { length: count },
        (_, element) => normal(seed, parameter, element) * initializer.standardDeviation,
      );
  }
}

/** The weights of one parameter of a loss graph as `initialState` draws them. */
export function drawnWeights(lossGraph: Graph, name: string, seed: number): Float32Array {
  const parameters = trainedParameters(lossGraph);
  const index = parameters.findIndex((node) => node.name === name);
  const { initializer, outputs } = parameters[index]!;
  return initialize(initializer, countElements(outputs[0]!.shape as readonly number[]), seed, index);
}

/**
 * The state before the first step: weights drawn as their initialisers say, averages the weights, all else zero.
 * @param step the training step of the loss graph
 * @param given weights to start from instead of drawn ones; parameters that they lack are drawn
 * @throws GraphError when one of them has another shape.
 */
export function initialState(
  lossGraph: Graph,
  step: Graph,
  options: AdamWOptions,
  seed: number,
  given: Weights = new Map(),
): TrainingState {
  const zeros = stateInputs(step).map((tensor): [string, TargetTensor] => {
    const shape = tensor.shape as readonly number[];
    return [inputNode(tensor).name, floatTensor(shape, new Float32Array(countElements(shape)))];
  });
  const entries = trainedParameters(lossGraph).flatMap((node, index) => {
    const shape = node.outputs[0]!.shape as readonly number[];
    const count = countElements(shape);
    const weights = given.has(node.name)
      ? readFloats(weightOf(given, node))
      : initialize(node.initializer, count, seed, index);
    return statePartsOf(options).flatMap((part): [string, TargetTensor][] => {
      const isWeights = part === 'parameter' || part === 'ema';
      return isWeights ? [[stateName(part, node.name), floatTensor(shape, weights.slice())]] : [];
    });
  });
  return Object.fromEntries([...zeros, ...entries]);
}

/** The state's tensors in this process, to be written to a checkpoint. */
export async function downloadState(state: TrainingState): Promise<Weights> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of Object.entries(state)) {
    const { shape, data } = isDeviceTensor(tensor) ? await tensor.read() : tensor;
    tensors.set(name, storedFloats(shape, data as Float32Array));
  }
  return tensors;
}

/** A state read back from a checkpoint. */
export function uploadState(tensors: Weights): TrainingState {
  return Object.fromEntries(
    [...tensors].map(([name, stored]) => [name, floatTensor(stored.shape, readFloats(stored))]),
  );
}

/** Which weights of a state: those of the last step, or their average. */
export type WeightsPart = Extract<StatePart, 'parameter' | 'ema'>;

/** The weights that a state has, those of the last step first. */
export function weightsPartsOf(options: AdamWOptions): readonly WeightsPart[] {
  return options.emaDecay === undefined ? ['parameter'] : ['parameter', 'ema'];
}

/** The trained weights under their checkpoint names. */
export function trainedWeights(state: Weights, part: WeightsPart): Weights {
  const prefix = stateName(part, '');
  return new Map(
    [...state].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
}

/** Frees what the target keeps of a state. */
export function releaseState(state: TrainingState): void {
  for (const tensor of Object.values(state)) if (isDeviceTensor(tensor)) (tensor as DeviceTensor).dispose();
}

import { uniformFor } from '../random/draws.js';
import { countElements } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { Initializer } from '../graph/node.js';
import { readFloats, type StoredTensor, storedFloats, type Weights, weightOf } from '../graph/weights.js';
import { type DeviceTensor, floatTensor, isDeviceTensor, type TargetTensor } from '../targets/target.js';
import { type StatePart, stateInputs, stateName, trainedParameters } from './stepNames.js';
import type { AdamWOptions } from './trainingStep.js';

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
    case 'normalParts': {
      const { standardDeviations } = initializer;
      const length = count / standardDeviations.length;
      return Float32Array.from(
        { length: count },
        (_, element) => normal(seed, parameter, element) * standardDeviations[Math.floor(element / length)]!,
      );
    }
    case 'filled':
      return new Float32Array(count).fill(initializer.value);
  }
}

/** The weights of one parameter of a loss graph as `initialState` draws them. */
export function drawnWeights(lossGraph: Graph, name: string, seed: number): Float32Array {
  return initialWeights(lossGraph, seed, new Map(), [name]).get(name)!;
}

/**
 * The weights that parameters of a loss graph start from: the given ones, copied, or ones drawn as their initialisers
 * say. They are the same whichever others are asked for with them.
 * @throws GraphError when a given one has another shape.
 */
function initialWeights(
  lossGraph: Graph,
  seed: number,
  given: Weights,
  names: Iterable<string>,
): ReadonlyMap<string, Float32Array> {
  const wanted = new Set(names);
  return new Map(
    trainedParameters(lossGraph).flatMap((node, index) => {
      if (!wanted.has(node.name)) return [];
      const count = countElements(node.outputs[0]!.shape as readonly number[]);
      const weights = given.has(node.name)
        ? readFloats(weightOf(given, node)).slice()
        : initialize(node.initializer, count, seed, index);
      return [[node.name, weights] as const];
    }),
  );
}

/**
 * The state before the first step: weights drawn as their initialisers say, averages the weights, all else zero.
 * @param step the training step of the loss graph; what it has frozen is no state
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
  const shapes = new Map(
    stateInputs(step).map((tensor) => [inputNode(tensor).name, tensor.shape as readonly number[]]),
  );
  const zeros = [...shapes].map(([name, shape]): [string, TargetTensor] => [
    name,
    floatTensor(shape, new Float32Array(countElements(shape))),
  ]);
  const names = trainedParameters(lossGraph)
    .map(({ name }) => name)
    .filter((name) => shapes.has(stateName('parameter', name)));
  const entries = [...initialWeights(lossGraph, seed, given, names)].flatMap(([name, weights]) =>
    weightsPartsOf(options).map((part): [string, TargetTensor] => {
      const key = stateName(part, name);
      return [key, floatTensor(shapes.get(key)!, weights.slice())];
    }),
  );
  return Object.fromEntries([...zeros, ...entries]);
}

/**
 * The weights of parameters that stay as they are, in memory: those of a checkpoint, else those that `initialState`
 * would start from.
 * @param checkpoint state of the run, where it goes on
 */
export function frozenWeights(
  lossGraph: Graph,
  frozen: ReadonlySet<string>,
  seed: number,
  given: Weights = new Map(),
  checkpoint?: Weights,
): Weights {
  const known = checkpoint ? trainedWeights(checkpoint, 'parameter') : given;
  const shapes = new Map(
    trainedParameters(lossGraph).map(({ name, outputs }) => [name, outputs[0]!.shape as readonly number[]]),
  );
  const weights = initialWeights(lossGraph, seed, known, frozen);
  return new Map([...weights].map(([name, values]) => [name, storedFloats(shapes.get(name)!, values)]));
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

/** A state read back from a checkpoint, without the parameters that are frozen. */
export function uploadState(tensors: Weights, frozen: ReadonlySet<string> = new Set()): TrainingState {
  const left = new Set([...frozen].map((name) => stateName('parameter', name)));
  return Object.fromEntries(
    [...tensors].flatMap(([name, stored]) =>
      left.has(name) ? [] : [[name, floatTensor(stored.shape, readFloats(stored))] as const],
    ),
  );
}

/** What a checkpoint holds: the state, and the parameters that are frozen. */
export function withFrozen(state: Weights, frozen: Weights): Weights {
  const kept = [...frozen].map(([name, tensor]) => [stateName('parameter', name), tensor] as const);
  return new Map([...state, ...kept]);
}

/** Which weights of a state: those of the last step, or their average. */
export type WeightsPart = Extract<StatePart, 'parameter' | 'ema'>;

/** The weights that a state has, those of the last step first. */
export function weightsPartsOf(options: AdamWOptions): readonly WeightsPart[] {
  return options.emaDecay === undefined ? ['parameter'] : ['parameter', 'ema'];
}

/** A model's weights under their checkpoint names; frozen ones have no average, and are as they are in any part. */
export function trainedWeights(state: Weights, part: WeightsPart): Weights {
  const ofPart = (wanted: WeightsPart) => {
    const prefix = stateName(wanted, '');
    return [...state].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    );
  };
  return new Map([...ofPart('parameter'), ...ofPart(part)]);
}

/** Frees what the target keeps of a state. */
export function releaseState(state: TrainingState): void {
  for (const tensor of Object.values(state)) if (isDeviceTensor(tensor)) (tensor as DeviceTensor).dispose();
}

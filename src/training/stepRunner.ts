import { fixSizes, sizesOf } from '../compiler/fixSizes.js';
import { countElements } from '../graph/dimension.js';
import { type Graph, inputNode } from '../graph/graph.js';
import type { Tensor } from '../graph/node.js';
import type { Weights } from '../graph/weights.js';
import { type Executable, floatTensor, type Target, type TargetTensor } from '../targets/target.js';
import type { Batch } from './trainingLoop.js';
import { releaseState, type TrainingState } from './trainingState.js';
import { accumulationStep } from './gradientStep.js';
import { stateInputs } from './stepNames.js';
import type { StepOptions } from './trainingStep.js';

/** An output without axes as a number. */
export async function readScalar(
  outputs: Awaited<ReturnType<Executable['run']>>,
  name: string,
): Promise<number> {
  return (await outputs[name]!.read()).data[0]!;
}

/** Numbers to log, by name. */
export type PartScalars = Readonly<Record<string, number>>;

/** What a step gives: the state for the next, and the numbers to log. */
export interface StepResult {
  readonly next: TrainingState;
  readonly scalars: PartScalars & { readonly loss: number };
  /** Whether ranks that share the run have agreed to stop after it. */
  readonly stops?: boolean;
}

/** Runs steps. */
export interface StepRunner {
  /** @param parts all parts of the batch @param numbers the optimiser's, by their inputs' names */
  run(
    parts: readonly Batch[],
    state: TrainingState,
    numbers: Readonly<Record<string, number>>,
  ): Promise<StepResult>;
  dispose(): Promise<void>;
}

/** Names of a step's outputs that are numbers to log. */
export function scalarNamesOf(graph: Graph): readonly string[] {
  return Object.entries(graph.outputs).flatMap(([name, { shape }]) =>
    shape.length === 0 && !name.startsWith('next.') ? [name] : [],
  );
}

export async function readScalars(
  outputs: Awaited<ReturnType<Executable['run']>>,
  names: readonly string[],
): Promise<PartScalars> {
  const scalars: Record<string, number> = {};
  for (const name of names) scalars[name] = await readScalar(outputs, name);
  return scalars;
}

/** The mean of each number that all parts have; of the others the last part's. */
export function meanOf(parts: readonly PartScalars[]): StepResult['scalars'] {
  const means = Object.entries(parts.at(-1)!).map(([name, last]) => {
    const values = parts.map((part) => part[name]);
    const isShared = values.every((value) => value !== undefined);
    return [name, isShared ? values.reduce((sum, value) => sum + value, 0) / values.length : last] as const;
  });
  return Object.fromEntries(means) as StepResult['scalars'];
}

/** Zeros for inputs of known sizes, by name. */
export function zerosFor(inputs: readonly Tensor[]): Readonly<Record<string, TargetTensor>> {
  return Object.fromEntries(
    inputs.map((tensor) => {
      const shape = tensor.shape as readonly number[];
      return [inputNode(tensor).name, floatTensor(shape, new Float32Array(countElements(shape)))];
    }),
  );
}

/** Compiles a graph of a training step for the sizes of what it is given, but for those that vary. */
export function compileStepGraph(
  graph: Graph,
  given: Batch,
  target: Target,
  { varying }: StepOptions,
  frozen: Weights,
): Promise<Executable> {
  const fixed = fixSizes(graph, sizesOf(graph, given), varying);
  return target.compile(fixed, { weights: frozen, isOptimizedEnough: true });
}

/**
 * A training step ready to run on a batch in parts, all of the sizes of the first one but for those that vary.
 * @param frozen weights of the parameters that stay as they are
 */
export async function compileStep(
  first: Batch,
  lossGraph: Graph,
  stepGraph: Graph,
  target: Target,
  options: StepOptions,
  frozen: Weights,
): Promise<StepRunner> {
  const partGraph = (options.parts ?? 1) > 1 ? accumulationStep(lossGraph, options) : undefined;
  const compile = async (graph: Graph | undefined) =>
    graph && compileStepGraph(graph, first, target, options, frozen);
  const final = (await compile(stepGraph))!;
  const partial = await compile(partGraph);
  const scalarNames = scalarNamesOf(stepGraph);
  const stateNames = stateInputs(stepGraph).map((tensor) => inputNode(tensor).name);
  // What goes from part to part starts as zeros.
  const carried = partGraph ? stateInputs(partGraph) : [];
  const run = async (
    parts: readonly Batch[],
    state: TrainingState,
    numbers: Readonly<Record<string, number>>,
  ): Promise<StepResult> => {
    let soFar = zerosFor(carried);
    const scalars: PartScalars[] = [];
    for (const part of parts.slice(0, -1)) {
      const outputs = await partial!.run({ ...part, ...state, ...soFar });
      scalars.push(await readScalars(outputs, scalarNamesOf(partGraph!)));
      releaseState(soFar);
      soFar = Object.fromEntries(Object.keys(soFar).map((name) => [name, outputs[`next.${name}`]!]));
    }
    const given = Object.entries(numbers).map(([name, value]) => [name, floatTensor([], [value])] as const);
    const wanted = [...scalarNames, ...stateNames.map((name) => `next.${name}`)];
    const outputs = await final.run(
      { ...parts.at(-1)!, ...state, ...soFar, ...Object.fromEntries(given) },
      wanted,
    );
    releaseState(soFar);
    scalars.push(await readScalars(outputs, scalarNames));
    const next = Object.fromEntries(stateNames.map((name) => [name, outputs[`next.${name}`]!]));
    return { next, scalars: meanOf(scalars) };
  };
  return {
    run,
    dispose: async () => {
      await final.dispose();
      await partial?.dispose();
    },
  };
}

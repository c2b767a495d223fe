import { gradientsOf, differentiable } from '../compiler/gradient.js';
import { rewriteGraph } from '../compiler/rewrite.js';
import {
  add,
  divide,
  type Graph,
  input,
  makeGraph,
  minimum,
  multiply,
  power,
  scope,
  subtract,
  type Tensor,
} from '../dsl/index.js';
import { GraphError } from '../graph/graphError.js';
import { inputNode, parametersOf } from '../graph/graph.js';
import type { ParameterNode } from '../graph/node.js';
import { adamW, globalNorm } from './adamW.js';

/** AdamW (Loshchilov and Hutter, 2019) with a clipped gradient, as the published models were trained (docs/SYSTEMS.md, The training recipe). */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** What the decay is in the last step where it changes: it is an input of the step then, `weight_decay`. */
  readonly finalWeightDecay?: number;
  /** Whether tensors of one axis decay, too, such as biases (default false). */
  readonly decaysVectors?: boolean;
  /** Names of parameters that do not decay (default: none). */
  readonly undecayed?: RegExp;
  /** The gradient is scaled down to this length, over all parameters. */
  readonly maxGradientNorm: number;
  /**
   * Decay of the averaged weights (such as 0.9999); none are kept when left out. The first steps decay faster, (1 + t) / (10 + t)
   * at step t, so that the average does not hang on to the weights that were drawn at random.
   */
  readonly emaDecay?: number;
}

export const ADAMW_DEFAULTS: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.05,
  maxGradientNorm: 1,
};

/** Steps over which the averaged weights warm up, as TensorFlow's moving averages and their successors count them. */
const AVERAGE_WARMUP = 10;

/** What torch adds to the norm before it divides by it. */
const NORM_EPSILON = 1e-6;

/** The parts of the state that one parameter has between steps. */
export const STATE_PARTS = ['parameter', 'first_moment', 'second_moment', 'ema'] as const;

/** Name of an input that carries a parameter's gradient so far; the output that replaces it is `next.` and this. */
export function gradientName(parameter: string): string {
  return `gradient.${parameter}`;
}
export type StatePart = (typeof STATE_PARTS)[number];

/** Name of an input of the training step; the output that replaces it for the next step is `next.` and this. */
export function stateName(part: StatePart, parameter: string): string {
  return `${part}.${parameter}`;
}

/** Makes a graph's parameters inputs, so that they may change from run to run; frozen ones stay parameters. */
function parametersAsInputs(
  graph: Graph,
  frozen: ReadonlySet<string>,
): {
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, Tensor>;
} {
  const parameters = new Map(
    trainedParameters(graph, frozen).map((node) => [
      node.name,
      input(stateName('parameter', node.name), 'f32', node.outputs[0]!.shape),
    ]),
  );
  const extended = makeGraph(graph.name, [...graph.inputs, ...parameters.values()], graph.outputs);
  const replaced = rewriteGraph(extended, (node) =>
    node.kind === 'parameter' && parameters.has(node.name) ? [parameters.get(node.name)!] : undefined,
  );
  return { graph: replaced, parameters };
}

/** No parameters. */
const NONE: ReadonlySet<string> = new Set();

/** How a step's batch is worked on, and what is trained. */
export interface StepOptions {
  /** Parts that the batch comes in; their gradients are averaged (default 1). */
  readonly parts?: number;
  /** Computes the activations of blocks again when their gradient is due, which saves their memory. */
  readonly recompute?: boolean;
  /**
   * Names of parameters that stay as they are (default none): they have no gradient, moments or average and are not
   * decayed. In the step they are parameters still, whose weights the target is given when it compiles.
   */
  readonly frozen?: ReadonlySet<string>;
  /** Symbols of the loss graph whose sizes differ from batch to batch (default none). */
  readonly varying?: ReadonlySet<string>;
  /** Adds to the step what the optimiser does not do, such as replacing codes that are not used. */
  readonly extension?: StepExtension;
}

/** The step as its extension sees it. */
export interface StepContext {
  /** The loss graph's outputs but `loss`; where the batch comes in parts, of the last one. */
  readonly lossOutputs: Readonly<Record<string, Tensor>>;
  /** What the extension gathers, over the whole batch. */
  readonly gathered: Readonly<Record<string, Tensor>>;
  /** The number of the step, from 1, as f32 without axes. */
  readonly step: Tensor;
  /** The step's outputs `next.<state>`. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** What a step does beyond the optimiser. */
export interface StepExtension {
  /** Sums over the batch that it needs, of the loss graph's outputs but `loss`; they add up over parts. */
  readonly gather: (lossOutputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
  /** More inputs and outputs of a step; an output takes the place of the step's own of that name. */
  readonly extend: (context: StepContext) => {
    readonly inputs: readonly Tensor[];
    readonly outputs: Readonly<Record<string, Tensor>>;
  };
}

/** A part of a batch: the gradients so far, their inputs, and what the loss graph says. */
interface PartialGradients {
  readonly inputs: readonly Tensor[];
  readonly weights: readonly Tensor[];
  readonly names: readonly string[];
  readonly gradients: readonly Tensor[];
  readonly loss: Tensor;
  /** The loss graph's other outputs. */
  readonly others: Readonly<Record<string, Tensor>>;
  /** What the extension gathers, with that of the parts before. */
  readonly gathered: Readonly<Record<string, Tensor>>;
}

/** The gradient of a part of the batch, added to that of the parts before it. */
function partialGradients(
  lossGraph: Graph,
  { parts = 1, recompute = false, frozen = NONE, extension }: StepOptions,
): PartialGradients {
  const { graph, parameters } = parametersAsInputs(differentiable(lossGraph), frozen);
  const { loss, ...others } = graph.outputs;
  if (!loss || loss.shape.length > 0)
    throw new GraphError(`graph '${lossGraph.name}' has no output 'loss' without axes`);
  const names = [...parameters.keys()];
  if (names.length === 0)
    throw new GraphError(`graph '${lossGraph.name}' has no parameter that is not frozen`);
  const weights = names.map((name) => parameters.get(name)!);
  const own = gradientsOf(loss, weights, { recompute });
  const gathered = extension?.gather(others) ?? {};
  if (parts === 1) return { inputs: graph.inputs, weights, names, gradients: own, loss, others, gathered };
  const soFar = names.map((name, index) => input(gradientName(name), 'f32', weights[index]!.shape));
  const gradients = own.map((gradient, index) => add(soFar[index]!, multiply(gradient, 1 / parts)));
  const sums = Object.entries(gathered).map(([name, tensor]) => {
    const before = input(`gathered.${name}`, 'f32', tensor.shape);
    return { name, before, sum: add(before, tensor) };
  });
  return {
    inputs: [...graph.inputs, ...soFar, ...sums.map(({ before }) => before)],
    weights,
    names,
    gradients,
    loss,
    others,
    gathered: Object.fromEntries(sums.map(({ name, sum }) => [name, sum])),
  };
}

/** Outputs without axes, which are logged. */
function scalarsOf(outputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(Object.entries(outputs).filter(([, tensor]) => tensor.shape.length === 0));
}

/**
 * The gradient of one part of a batch that comes in several, to be called for all but the last.
 *
 * Inputs: those of the loss graph, `parameter.<name>`, and `gradient.<name>` and `gathered.<name>`, which start as zeros. Outputs:
 * `loss` and other outputs of the loss graph without axes, `next.gradient.<name>` and `next.gathered.<name>`.
 */
export function accumulationStep(lossGraph: Graph, options: StepOptions): Graph {
  const { inputs, names, gradients, loss, others, gathered } = partialGradients(lossGraph, options);
  return makeGraph(`${lossGraph.name}-part`, inputs, {
    loss,
    ...scalarsOf(others),
    ...Object.fromEntries(Object.entries(gathered).map(([name, sum]) => [`next.gathered.${name}`, sum])),
    ...Object.fromEntries(names.map((name, index) => [`next.${gradientName(name)}`, gradients[index]!])),
  });
}

/**
 * One optimiser step as a graph: forward pass, gradient, clip, AdamW and averaged weights.
 *
 * Inputs: those of the loss graph; for every parameter that is not frozen its state (`stateName`); `learning_rate`, `step` (from 1) and,
 * where it changes, `weight_decay`, f32 without axes. Outputs: `loss`, `gradient_norm` (before the clip), any other outputs of the loss graph without
 * axes, and the state for the next step, `next.<state>`. Where the batch comes in parts, this is the last of them, and
 * the gradients of the others, `gradient.<name>`, and what was gathered from them, `gathered.<name>`, are inputs too.
 * @param lossGraph has an output `loss` without axes
 * @throws GraphError when it has not, or an operation cannot be differentiated.
 */
export function trainingStep(
  lossGraph: Graph,
  options: AdamWOptions = ADAMW_DEFAULTS,
  stepOptions: StepOptions = {},
): Graph {
  const {
    inputs: given,
    names,
    weights,
    gradients,
    loss,
    others,
    gathered,
  } = partialGradients(lossGraph, stepOptions);
  return scope('optimizer', () => {
    const [rate, step] = ['learning_rate', 'step'].map((name) => input(name, 'f32', [])) as [Tensor, Tensor];
    const scheduledDecay =
      options.finalWeightDecay === undefined ? undefined : input('weight_decay', 'f32', []);
    const norm = globalNorm(gradients);
    const clip = minimum(divide(options.maxGradientNorm, add(norm, NORM_EPSILON)), 1);
    const corrections = {
      first: subtract(1, power(options.beta1, step)),
      second: subtract(1, power(options.beta2, step)),
    };
    const averageRate = subtract(
      1,
      minimum(options.emaDecay ?? 0, divide(add(step, 1), add(step, AVERAGE_WARMUP))),
    );
    const inputs: Tensor[] = [];
    const outputs: Record<string, Tensor> = {};
    for (const [index, name] of names.entries()) {
      const parameter = weights[index]!;
      const state = (part: StatePart) => input(stateName(part, name), 'f32', parameter.shape);
      const moments = { first: state('first_moment'), second: state('second_moment') };
      inputs.push(moments.first, moments.second);
      const decay = decayOf(name, parameter.shape.length, options, scheduledDecay);
      const factors = { rate, clip, corrections, decay };
      const updated = adamW(parameter, gradients[index]!, moments, factors, options);
      outputs[`next.${stateName('parameter', name)}`] = updated.parameter;
      outputs[`next.${stateName('first_moment', name)}`] = updated.first;
      outputs[`next.${stateName('second_moment', name)}`] = updated.second;
      if (options.emaDecay === undefined) continue;
      const ema = state('ema');
      inputs.push(ema);
      const moved = multiply(subtract(updated.parameter, ema), averageRate);
      outputs[`next.${stateName('ema', name)}`] = add(ema, moved);
    }
    const more = stepOptions.extension?.extend({ lossOutputs: others, gathered, step, outputs });
    const numbers = [rate, step, ...(scheduledDecay ? [scheduledDecay] : [])];
    return makeGraph(`${lossGraph.name}-step`, [...given, ...inputs, ...(more?.inputs ?? []), ...numbers], {
      loss,
      gradient_norm: norm,
      ...scalarsOf(others),
      ...outputs,
      ...more?.outputs,
    });
  });
}

/** A parameter's decay. @param scheduled what it is in this step, where it changes */
function decayOf(
  name: string,
  axes: number,
  { weightDecay, decaysVectors = false, undecayed }: AdamWOptions,
  scheduled: Tensor | undefined,
): Tensor | number {
  const decays = (decaysVectors || axes >= 2) && !undecayed?.test(name);
  return decays ? (scheduled ?? weightDecay) : 0;
}

/** Names of the state that a training step keeps for a parameter. */
export function statePartsOf(options: AdamWOptions): readonly StatePart[] {
  return STATE_PARTS.filter((part) => part !== 'ema' || options.emaDecay !== undefined);
}

/** The inputs of a training step that its outputs replace for the next step. */
export function stateInputs(step: Graph): readonly Tensor[] {
  return step.inputs.filter((tensor) => `next.${inputNode(tensor).name}` in step.outputs);
}

/** The parameters that a loss graph trains, in the order of use, each once, without those that are frozen. */
export function trainedParameters(
  lossGraph: Graph,
  frozen: ReadonlySet<string> = NONE,
): readonly ParameterNode[] {
  const nodes = parametersOf(lossGraph).filter(({ name }) => !frozen.has(name));
  return [...new Map(nodes.map((node) => [node.name, node])).values()];
}

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
import { adamW, globalNorm } from './adamW.js';
import { type PartialGradients, partialGradients, scalarsOf } from './gradientStep.js';
import {
  gatheredName,
  gradientName,
  lossOutputName,
  STATE_PARTS,
  type StatePart,
  stateName,
  trainedParameters,
} from './stepNames.js';

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

/** How a step's batch is worked on, and what is trained. */
export interface StepOptions {
  /** Parts that the batch comes in; their gradients are averaged (default 1). */
  readonly parts?: number;
  /** Ranks that share each part; what a rank computes is its part of the mean (default 1). */
  readonly ranks?: number;
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
  /** Names of the loss graph's outputs that it extends the step with; their first axis is the batch (default none). */
  readonly reads?: readonly string[];
  /** More inputs and outputs of a step; an output takes the place of the step's own of that name. */
  readonly extend: (context: StepContext) => {
    readonly inputs: readonly Tensor[];
    readonly outputs: Readonly<Record<string, Tensor>>;
  };
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
  const found = partialGradients(lossGraph, stepOptions);
  return optimized(`${lossGraph.name}-step`, found, options, stepOptions, {
    loss: found.loss,
    ...scalarsOf(found.others),
  });
}

/**
 * The second half of a step whose gradient is known: clip, AdamW and averaged weights.
 *
 * Inputs: `gradient.<name>`, of the whole batch; what the extension gathers, `gathered.<name>`, and what it reads of the loss
 * graph's outputs, `loss_output.<name>`; the state and numbers as of `trainingStep`. Outputs: `gradient_norm` and the state for
 * the next step.
 */
export function updateStep(lossGraph: Graph, options: AdamWOptions, stepOptions: StepOptions): Graph {
  const { frozen, extension } = stepOptions;
  const { loss: _, ...outputs } = lossGraph.outputs;
  const inputLike = (name: string, { dtype, shape }: Tensor) => input(name, dtype, shape);
  const nodes = trainedParameters(lossGraph, frozen);
  const shaped = nodes.map(({ name, outputs: [tensor] }) => ({ name, tensor: tensor! }));
  const weights = shaped.map(({ name, tensor }) => inputLike(stateName('parameter', name), tensor));
  const gradients = shaped.map(({ name, tensor }) => inputLike(gradientName(name), tensor));
  const gathered = Object.entries(extension?.gather(outputs) ?? {}).map(
    ([name, tensor]) => [name, inputLike(gatheredName(name), tensor)] as const,
  );
  const read = (extension?.reads ?? []).flatMap((name) => {
    const tensor = outputs[name];
    return tensor ? [[name, inputLike(lossOutputName(name), tensor)] as const] : [];
  });
  const given = {
    inputs: [...weights, ...gradients, ...[...gathered, ...read].map(([, tensor]) => tensor)],
    names: nodes.map(({ name }) => name),
    weights,
    gradients,
    others: Object.fromEntries(read),
    gathered: Object.fromEntries(gathered),
  };
  return optimized(`${lossGraph.name}-update`, given, options, stepOptions, {});
}

/** The optimiser's part of a step. @param said outputs of the graph beside its own */
function optimized(
  name: string,
  { inputs: given, names, weights, gradients, others, gathered }: Omit<PartialGradients, 'loss'>,
  options: AdamWOptions,
  stepOptions: StepOptions,
  said: Readonly<Record<string, Tensor>>,
): Graph {
  return scope('optimizer', () => {
    const [rate, step] = ['learning_rate', 'step'].map((number) => input(number, 'f32', [])) as [
      Tensor,
      Tensor,
    ];
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
    for (const [index, own] of names.entries()) {
      const parameter = weights[index]!;
      const state = (part: StatePart) => input(stateName(part, own), 'f32', parameter.shape);
      const moments = { first: state('first_moment'), second: state('second_moment') };
      inputs.push(moments.first, moments.second);
      const decay = decayOf(own, parameter.shape.length, options, scheduledDecay);
      const factors = { rate, clip, corrections, decay };
      const updated = adamW(parameter, gradients[index]!, moments, factors, options);
      outputs[`next.${stateName('parameter', own)}`] = updated.parameter;
      outputs[`next.${stateName('first_moment', own)}`] = updated.first;
      outputs[`next.${stateName('second_moment', own)}`] = updated.second;
      if (options.emaDecay === undefined) continue;
      const ema = state('ema');
      inputs.push(ema);
      const moved = multiply(subtract(updated.parameter, ema), averageRate);
      outputs[`next.${stateName('ema', own)}`] = add(ema, moved);
    }
    const more = stepOptions.extension?.extend({ lossOutputs: others, gathered, step, outputs });
    const numbers = [rate, step, ...(scheduledDecay ? [scheduledDecay] : [])];
    const { loss, ...scalars } = said;
    return makeGraph(name, [...given, ...inputs, ...(more?.inputs ?? []), ...numbers], {
      ...(loss && { loss }),
      gradient_norm: norm,
      ...scalars,
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

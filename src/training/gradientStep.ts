import { differentiable, gradientsOf } from '../compiler/gradient.js';
import { rewriteGraph } from '../compiler/rewrite.js';
import { add, type Graph, input, makeGraph, multiply, type Tensor } from '../dsl/index.js';
import { nodesOf } from '../graph/graph.js';
import { GraphError } from '../graph/graphError.js';
import {
  gatheredName,
  gradientName,
  lossOutputName,
  sharedMeans,
  stateName,
  trainedParameters,
} from './stepNames.js';
import type { StepOptions } from './trainingStep.js';

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

/** A part of a batch: the gradients so far, their inputs, and what the loss graph says. */
export interface PartialGradients {
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
export function partialGradients(
  lossGraph: Graph,
  { parts = 1, ranks = 1, recompute = false, frozen = new Set(), extension }: StepOptions,
): PartialGradients {
  const { graph, parameters } = parametersAsInputs(differentiable(lossGraph), frozen);
  const { loss, ...others } = graph.outputs;
  if (!loss || loss.shape.length > 0)
    throw new GraphError(`graph '${lossGraph.name}' has no output 'loss' without axes`);
  const names = [...parameters.keys()];
  if (names.length === 0)
    throw new GraphError(`graph '${lossGraph.name}' has no parameter that is not frozen`);
  const weights = names.map((name) => parameters.get(name)!);
  const share = 1 / (parts * ranks);
  const whole = gradientsOf(loss, weights, { recompute });
  const own = share === 1 ? whole : whole.map((gradient) => multiply(gradient, share));
  const gathered = extension?.gather(others) ?? {};
  if (parts === 1) return { inputs: graph.inputs, weights, names, gradients: own, loss, others, gathered };
  const soFar = names.map((name, index) => input(gradientName(name), 'f32', weights[index]!.shape));
  const gradients = own.map((gradient, index) => add(soFar[index]!, gradient));
  const sums = Object.entries(gathered).map(([name, tensor]) => {
    const before = input(gatheredName(name), 'f32', tensor.shape);
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
export function scalarsOf(outputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(Object.entries(outputs).filter(([, tensor]) => tensor.shape.length === 0));
}

/**
 * The gradient of one part of a batch that comes in several, to be called for all but the last; or, where ranks share the
 * batch, for all.
 *
 * Inputs: those of the loss graph, `parameter.<name>`, and `gradient.<name>` and `gathered.<name>`, which start as zeros. Outputs:
 * `loss` and other outputs of the loss graph without axes, `next.gradient.<name>` and `next.gathered.<name>`. Where the batch
 * is in one part, nothing goes before it; where ranks share it, `loss_output.<name>` is what the extension reads.
 */
export function accumulationStep(lossGraph: Graph, options: StepOptions): Graph {
  const { inputs, names, gradients, loss, others, gathered } = partialGradients(lossGraph, options);
  return makeGraph(`${lossGraph.name}-part`, inputs, {
    loss,
    ...scalarsOf(others),
    ...Object.fromEntries(Object.entries(gathered).map(([name, sum]) => [`next.${gatheredName(name)}`, sum])),
    ...((options.ranks ?? 1) > 1 && readOutputs(others, options)),
    ...Object.fromEntries(names.map((name, index) => [`next.${gradientName(name)}`, gradients[index]!])),
  });
}

/** What the extension reads of a loss graph's outputs, by the names of the inputs that it becomes. */
function readOutputs(
  others: Readonly<Record<string, Tensor>>,
  { extension }: StepOptions,
): Readonly<Record<string, Tensor>> {
  const names = extension?.reads ?? [];
  return Object.fromEntries(
    names.flatMap((name) => {
      const tensor = others[name];
      return tensor ? [[lossOutputName(name), tensor] as const] : [];
    }),
  );
}

/**
 * The means over a share of the batch of which the loss graph is given those over all of it. Inputs: what they need of the
 * share and of the parameters, `parameter.<name>`; outputs: `share_mean.<name>`.
 */
export function shareMeans(lossGraph: Graph, { frozen = new Set() }: StepOptions): Graph {
  const { graph } = parametersAsInputs(lossGraph, frozen);
  const outputs = Object.fromEntries(
    sharedMeans(lossGraph).map(({ output }) => [output, graph.outputs[output]!]),
  );
  const nodes = nodesOf(makeGraph(lossGraph.name, graph.inputs, outputs));
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const inputs = graph.inputs.filter((tensor) => read.has(tensor));
  return makeGraph(`${lossGraph.name}-means`, inputs, outputs);
}

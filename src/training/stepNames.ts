import { type Graph, inputNode, parametersOf } from '../graph/graph.js';
import type { ParameterNode, Tensor } from '../graph/node.js';

/** The parts of the state that one parameter has between steps. */
export const STATE_PARTS = ['parameter', 'first_moment', 'second_moment', 'ema'] as const;
export type StatePart = (typeof STATE_PARTS)[number];

/** Name of an input that carries a parameter's gradient so far; the output that replaces it is `next.` and this. */
export function gradientName(parameter: string): string {
  return `gradient.${parameter}`;
}

/** Name of an input of the training step; the output that replaces it for the next step is `next.` and this. */
export function stateName(part: StatePart, parameter: string): string {
  return `${part}.${parameter}`;
}

/** Name of an input that carries what an extension gathers. */
export function gatheredName(name: string): string {
  return `gathered.${name}`;
}

/** Name of an input with an output of the loss graph, of the whole batch. */
export function lossOutputName(name: string): string {
  return `loss_output.${name}`;
}

/** What names of a loss graph's outputs begin with that are means over a share of the batch. */
const SHARE_MEAN = 'share_mean.';

/** Outputs of a loss graph that are means over a share of its batch, and the inputs that take those over all of it. */
export function sharedMeans({
  outputs,
}: Graph): readonly { readonly output: string; readonly input: string }[] {
  return Object.keys(outputs)
    .filter((name) => name.startsWith(SHARE_MEAN))
    .map((name) => ({ output: name, input: `batch_mean.${name.slice(SHARE_MEAN.length)}` }));
}

/** The inputs of a training step that its outputs replace for the next step. */
export function stateInputs(step: Graph): readonly Tensor[] {
  return step.inputs.filter((tensor) => `next.${inputNode(tensor).name}` in step.outputs);
}

/** The parameters that a loss graph trains, in the order of use, each once, without those that are frozen. */
export function trainedParameters(
  lossGraph: Graph,
  frozen: ReadonlySet<string> = new Set(),
): readonly ParameterNode[] {
  const nodes = parametersOf(lossGraph).filter(({ name }) => !frozen.has(name));
  return [...new Map(nodes.map((node) => [node.name, node])).values()];
}

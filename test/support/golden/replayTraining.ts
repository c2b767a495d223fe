import { withGradients } from '../../../src/compiler/gradient.js';
import { NO_CONDITION, type Condition } from '../../../src/conditions/condition.js';
import { InputError } from '../../../src/errors.js';
import { type Graph, inputNode, parametersOf } from '../../../src/graph/graph.js';
import type { HostTensor } from '../../../src/targets/target.js';
import type { Quantity } from './tolerances.js';
import { type GeneratorSubject, runOnce } from './subject.js';
import { indexCodes } from '../codes.js';

/** A class index of a set; the one after the last is no condition. @throws InputError for others. */
export function conditionOf({ system, config, source }: GeneratorSubject, index: number): Condition {
  const { classes } = system.config.facts(config);
  if (!(index >= 0 && index <= classes))
    throw new InputError(
      `${source}: class ${index} is none of the ${classes}, nor the null class after them`,
    );
  return index === classes ? NO_CONDITION : { kind: 'class', index };
}

/**
 * The batch that a set trains on. Inputs of the graph that the set holds under `train.` take the place of what the system
 * would draw, such as `orders`.
 */
export function trainingInputs(
  subject: GeneratorSubject,
  graph: Graph,
): Readonly<Record<string, HostTensor>> {
  const { checklist, system, config } = subject;
  const { grid } = system.config.facts(config);
  const [ids, conditions] = [checklist.feed('train.input_ids'), checklist.feed('train.condition')];
  const [rows, positions] = ids.shape as [number, number];
  const examples = Array.from({ length: rows }, (_, row) => ({
    codes: indexCodes((ids.data as Int32Array).slice(row * positions, (row + 1) * positions), grid),
    condition: conditionOf(subject, conditions.data[row]!),
    draw: row,
  }));
  const drawn = system.training(config).batch(examples, 0);
  const given = graph.inputs
    .map((tensor) => inputNode(tensor).name)
    .filter((name) => checklist.has(`train.${name}`));
  return { ...drawn, ...Object.fromEntries(given.map((name) => [name, checklist.feed(`train.${name}`)])) };
}

/** What the outputs of training graphs are compared as; all others are states and logits. */
const QUANTITIES: Readonly<Record<string, Quantity>> = { loss: 'losses', sequence: 'indices' };

/** Checks the outputs of a graph on the set's batch that the set holds and that are not checked yet. */
async function replayOutputs(
  subject: GeneratorSubject,
  graph: Graph,
  done: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const { weights, target, checklist } = subject;
  const outputs = checklist
    .asked(/^train\.(?!grad\.)(.+)$/)
    .filter(({ name }) => name in graph.outputs && !done.has(name));
  const names = outputs.map(({ name }) => name);
  if (names.length === 0) return done;
  const actual = await runOnce(target, graph, weights, trainingInputs(subject, graph), names);
  for (const { key, name } of outputs)
    checklist.compare(QUANTITIES[name] ?? 'logits', key, key, actual[name]!);
  return new Set([...done, ...names]);
}

/** Checks what the training graph gives on the set's batch, and the gradients of its loss. */
export async function replayTraining(subject: GeneratorSubject): Promise<void> {
  const { system, extras, config, weights, target, checklist } = subject;
  const { graph } = system.training(config);
  const done = await replayOutputs(subject, graph, new Set());
  if (extras.wholeTraining) await replayOutputs(subject, extras.wholeTraining(config), done);
  const parameters = new Set(parametersOf(graph).map(({ name }) => name));
  const gradients = checklist.asked(/^train\.grad\.(.+)$/).filter(({ name }) => parameters.has(name));
  if (gradients.length === 0) return;
  const names = gradients.map(({ name }) => name);
  const actual = await runOnce(
    target,
    withGradients(graph, 'loss', names),
    weights,
    trainingInputs(subject, graph),
    names.map((name) => `gradient.${name}`),
  );
  for (const { key, name } of gradients)
    checklist.compare('gradients', 'train.grad', key, actual[`gradient.${name}`]!);
}

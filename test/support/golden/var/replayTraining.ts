import { multiScaleEncoder } from '../../../../graphs/multiScaleVq.js';
import { varTeacherForced } from '../../../../graphs/var.js';
import { withGradients } from '../../../../src/compiler/gradient.js';
import { countElements } from '../../../../src/graph/dimension.js';
import { type Graph, parametersOf } from '../../../../src/graph/graph.js';
import { readFloats } from '../../../../src/graph/weights.js';
import { system } from '../../../../src/systems/var.js';
import {
  floatTensor,
  type HostTensor,
  intTensor,
  isDeviceTensor,
  type TargetTensor,
} from '../../../../src/targets/target.js';
import { stateName, trainedParameters } from '../../../../src/training/stepNames.js';
import { type AdamWOptions, statePartsOf, trainingStep } from '../../../../src/training/trainingStep.js';
import { runOnce } from '../subject.js';
import type { VarSubject } from './subject.js';

/** The classes of the batch; where a label is left out, the class after the last. */
function labelsUsed({ checklist, fields }: VarSubject): HostTensor {
  const labels = checklist.feed('train.labels');
  const { data } = checklist.feed('train.cond_rand');
  const used = Array.from(labels.data, (label, row) =>
    data[row]! < fields.cond_drop_rate ? fields.num_classes : label,
  );
  return intTensor(labels.shape, used);
}

/** The batch that the set trains on. */
function batchOf(subject: VarSubject): Readonly<Record<string, HostTensor>> {
  return { tokens: subject.checklist.feed('train.indices'), class_ids: labelsUsed(subject) };
}

async function replayDraws(subject: VarSubject): Promise<void> {
  const { checklist, tokenizer, weights, target } = subject;
  for (const { key } of checklist.asked(/^train\.label_used$/))
    checklist.compare('indices', key, key, labelsUsed(subject));
  for (const { key } of checklist.asked(/^train\.indices$/)) {
    const image = checklist.feed('train.image');
    const { indices } = await runOnce(target, multiScaleEncoder(tokenizer), weights, { image });
    checklist.compare('indices', key, key, indices!);
  }
}

/** The parameters that training changes. */
function trainedNames(graph: Graph): readonly string[] {
  return [...new Set(parametersOf(graph).map(({ name }) => name))].filter(
    (name) => !system.checkpoint.ofTokenizer!.test(name),
  );
}

async function replayPass(subject: VarSubject): Promise<void> {
  const { checklist, network, sections, weights, target } = subject;
  const labelSmoothing = sections.train.label_smooth;
  const graph = varTeacherForced(network, { labelSmoothing, whole: true });
  const outputs = checklist
    .asked(/^train\.(?!grad|loss_smooth)(.+)$/)
    .filter(({ name }) => name in graph.outputs);
  const names = new Set(trainedNames(graph));
  const gradients = checklist.asked(/^train\.grad\.(.+)$/).filter(({ name }) => names.has(name));
  const norms = checklist.asked(/^train\.grad_norm$/);
  for (const { key } of checklist.asked(/^train\.loss_smooth[\d.]+$/)) {
    const smoothed = varTeacherForced(network, {
      labelSmoothing: Number(key.slice('train.loss_smooth'.length)),
    });
    const { loss } = await runOnce(target, smoothed, weights, batchOf(subject), ['loss']);
    checklist.compare('precise', 'train.loss', key, loss!);
  }
  if (outputs.length + gradients.length + norms.length === 0) return;
  // The norm is that of all gradients.
  const wanted = norms.length > 0 ? [...names] : gradients.map(({ name }) => name);
  const actual = await runOnce(target, withGradients(graph, 'loss', wanted), weights, batchOf(subject));
  for (const { key, name } of outputs)
    checklist.compare('precise', name === 'loss' ? 'train.loss' : key, key, actual[name]!);
  for (const { key, name } of gradients)
    checklist.compare('preciseGradients', 'train.grad', key, actual[`gradient.${name}`]!);
  for (const { key } of norms) {
    const squares = wanted.flatMap((name) => Array.from(actual[`gradient.${name}`]!.data, (own) => own ** 2));
    const norm = Math.sqrt(squares.reduce((sum, own) => sum + own, 0));
    checklist.compare('precise', key, key, floatTensor([], [norm]));
  }
}

/** Checks AdamW steps on the set's batch: losses, gradient norms before the clip, and the weights after. */
async function replayOptimizer(subject: VarSubject): Promise<void> {
  const { checklist, network, sections, weights, target } = subject;
  const { lr, betas, eps, weight_decay, clip, steps } = sections.optim;
  const lists = checklist.asked(/^optim\.(losses|grad_norms)$/);
  const after = checklist.asked(new RegExp(`^optim\\.after${steps}\\.(.+)$`));
  if (lists.length + after.length === 0) return;
  const options: AdamWOptions = {
    ...{ beta1: betas[0]!, beta2: betas[1]!, epsilon: eps, weightDecay: weight_decay, maxGradientNorm: clip },
    undecayed: system.recipe.optimizer!.undecayed!,
  };
  const graph = varTeacherForced(network, { labelSmoothing: sections.train.label_smooth });
  const names = trainedNames(graph);
  const frozen = new Set(
    trainedParameters(graph)
      .map(({ name }) => name)
      .filter((name) => !names.includes(name)),
  );
  let state: Readonly<Record<string, TargetTensor>> = Object.fromEntries(
    names.flatMap((name) => {
      const stored = weights.get(name)!;
      return statePartsOf(options).map((part) => {
        const values =
          part === 'parameter' ? readFloats(stored) : new Float32Array(countElements(stored.shape));
        return [stateName(part, name), floatTensor(stored.shape, values)] as const;
      });
    }),
  );
  const batch = batchOf(subject);
  const found = { losses: [] as number[], grad_norms: [] as number[] };
  const executable = await target.compile(trainingStep(graph, options, { frozen }), { weights });
  try {
    for (let step = 1; step <= steps; step++) {
      const numbers = { learning_rate: floatTensor([], [lr]), step: floatTensor([], [step]) };
      const outputs = await executable.run({ ...batch, ...state, ...numbers });
      found.losses.push((await outputs.loss!.read()).data[0]!);
      found.grad_norms.push((await outputs.gradient_norm!.read()).data[0]!);
      for (const tensor of Object.values(state)) if (isDeviceTensor(tensor)) tensor.dispose();
      state = Object.fromEntries(Object.keys(state).map((name) => [name, outputs[`next.${name}`]!]));
    }
    for (const { key, name } of after) {
      const trained = state[stateName('parameter', name)];
      if (trained && isDeviceTensor(trained))
        checklist.compare('preciselyTrained', `optim.after${steps}`, key, await trained.read());
    }
  } finally {
    await executable.dispose();
  }
  for (const { key, name } of lists) {
    const own = found[name as keyof typeof found];
    checklist.compare('precise', key, key, floatTensor([own.length], own));
  }
}

/** Checks what is drawn for the batch, the forward pass, its gradients, and optimiser steps. */
export async function replayVarTraining(subject: VarSubject): Promise<void> {
  await replayDraws(subject);
  await replayPass(subject);
  await replayOptimizer(subject);
}

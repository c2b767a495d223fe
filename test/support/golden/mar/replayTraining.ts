import { patchify } from '../../../../graphs/mar.js';
import { withGradients } from '../../../../src/compiler/gradient.js';
import { parametersOf } from '../../../../src/graph/graph.js';
import { system as mar } from '../../../../src/systems/mar.js';
import { marNetwork } from '../../../../src/systems/marFields.js';
import { hiddenCount, hideFirst, marPictures } from '../../../../src/systems/marTraining.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import { runOnce } from '../subject.js';
import type { Quantity } from '../tolerances.js';
import { evaluate } from './evaluate.js';
import type { MarSubject } from './subject.js';

/** What the outputs are compared as; all others are states. */
const QUANTITIES: Readonly<Record<string, Quantity>> = {
  loss: 'diffusionLosses',
  logits: 'images',
  mse: 'images',
  vb: 'images',
};

/** The rows of a table. */
function rowsOf({ shape, data }: HostTensor): readonly (readonly number[])[] {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => Array.from(data.slice(row * width, (row + 1) * width)));
}

/** The set's batch, masked as the program masks it. */
async function batchOf({
  checklist,
  fields,
  target,
}: MarSubject): Promise<Readonly<Record<string, HostTensor>>> {
  const latents = checklist.feed('train.latents');
  const { patches } = await evaluate(target, { latents }, (given) => ({
    patches: patchify(given.latents, fields.patch_size),
  }));
  checklist.compare('indices', 'train.patches', 'train.patches', patches!);
  const { side, diffusion } = marNetwork(fields);
  const positions = side ** 2;
  const count = hiddenCount(positions, checklist.feed('train.mask_rate').data[0]!);
  checklist.compare('indices', 'train.num_masked', 'train.num_masked', intTensor([], [count]));
  const uniforms = checklist.feed('train.drop_uniform').data;
  const labels = checklist.feed('train.labels').data;
  const length = positions * diffusion.channels;
  const inputs = marPictures(
    fields,
    rowsOf(checklist.feed('train.orders')).map((order, row) => ({
      tokens: patches!.data.slice(row * length, (row + 1) * length),
      classId: uniforms[row]! < fields.label_drop_prob ? fields.class_num : labels[row]!,
      hidden: hideFirst(order, count),
    })),
  );
  const { shape, data } = inputs.mask;
  checklist.compare('indices', 'train.mask', 'train.mask', floatTensor(shape, data));
  return { ...inputs, timesteps: checklist.feed('train.t'), noise: checklist.feed('train.noise') };
}

/** Checks a training step: what is hidden, everything inside the network, the loss and every gradient. */
export async function replayTraining(subject: MarSubject): Promise<void> {
  const { checklist, target, weights, fields } = subject;
  if (checklist.asked(/^train\./).length === 0) return;
  const inputs = await batchOf(subject);
  const { graph } = mar.training(fields);
  const outputs = checklist
    .asked(/^train\.(?!grad\.)(.+)$/)
    .filter(({ name }) => Object.hasOwn(graph.outputs, name));
  if (outputs.length > 0) {
    const wanted = outputs.map(({ name }) => name);
    const actual = await runOnce(target, graph, weights, inputs, wanted);
    for (const { key, name } of outputs)
      checklist.compare(QUANTITIES[name] ?? 'states', key, key, actual[name]!);
  }
  const parameters = new Set(parametersOf(graph).map(({ name }) => name));
  const gradients = checklist.asked(/^train\.grad\.(.+)$/).filter(({ name }) => parameters.has(name));
  if (gradients.length === 0) return;
  const names = gradients.map(({ name }) => name);
  const wanted = names.map((name) => `gradient.${name}`);
  const actual = await runOnce(target, withGradients(graph, 'loss', names), weights, inputs, wanted);
  for (const { key, name } of gradients)
    checklist.compare('gradients', 'train.grad', key, actual[`gradient.${name}`]!);
}

import {
  multiScaleAutoencoder,
  multiScaleDecoder,
  multiScaleEncoder,
} from '../../../../graphs/multiScaleVq.js';
import { withGradients } from '../../../../src/compiler/gradient.js';
import { parametersOf } from '../../../../src/graph/graph.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import type { Quantity } from '../tolerances.js';
import { runOnce } from '../subject.js';
import type { VarSubject } from './subject.js';

/** The encoder's outputs by the keys that hold them. */
const ENCODED: Readonly<Record<string, string>> = { var_input: 'next_inputs' };

const encodedName = (name: string): string => ENCODED[name] ?? name.replace('f_hat', 'sum');

async function replayEncoder({ checklist, tokenizer, weights, target }: VarSubject): Promise<void> {
  const asked = checklist.asked(/^vae\.(latent|indices|var_input|f_hat\.\d+)$/);
  if (asked.length === 0) return;
  const image = checklist.feed('vae.image');
  const actual = await runOnce(target, multiScaleEncoder(tokenizer, { whole: true }), weights, { image });
  for (const { key, name } of asked) {
    const quantity: Quantity = name === 'indices' ? 'indices' : 'preciseImages';
    checklist.compare(quantity, `vae.${name.replace(/\.\d+$/, '')}`, key, actual[encodedName(name)]!);
  }
}

/** The codes of the first scales. */
function firstScales({ shape, data }: HostTensor, sides: readonly number[]): HostTensor {
  const [rows, all] = shape as readonly [number, number];
  const count = sides.reduce((sum, side) => sum + side ** 2, 0);
  const parts = Array.from({ length: rows }, (_, row) =>
    Array.from(data.subarray(row * all, row * all + count)),
  );
  return intTensor([rows, count], parts.flat());
}

async function replayDecoder({ checklist, tokenizer, weights, target }: VarSubject): Promise<void> {
  for (const { key } of checklist.asked(/^vae\.reconstruction\.\d+$/)) {
    const scales = Number(key.split('.').at(-1)) + 1;
    const sides = tokenizer.quantizer.sides.slice(0, scales);
    const indices = firstScales(checklist.feed('vae.indices'), sides);
    const { image } = await runOnce(target, multiScaleDecoder(tokenizer, scales), weights, { indices });
    checklist.compare('preciseImages', 'vae.reconstruction', key, image!);
  }
  const asked = checklist.asked(/^vae\.decode\.(f_hat|image)$/);
  if (asked.length === 0) return;
  const indices = checklist.feed('vae.decode.indices');
  const { latent, image } = await runOnce(target, multiScaleDecoder(tokenizer), weights, { indices });
  for (const { key, name } of asked)
    checklist.compare('preciseImages', 'vae.decode', key, name === 'image' ? image! : latent!);
}

async function replayTraining({ checklist, tokenizer, fields, weights, target }: VarSubject): Promise<void> {
  const commitment = fields.vae_kwargs.beta;
  const graph = multiScaleAutoencoder(tokenizer, { reconstruction: 'l2', commitment });
  const outputs = checklist.asked(/^vae\.train\.(reconstruction|vq_loss|mse|total)$/);
  const parameters = new Set(parametersOf(graph).map(({ name }) => name));
  const gradients = checklist.asked(/^vae\.grad\.(.+)$/).filter(({ name }) => parameters.has(name));
  if (outputs.length + gradients.length === 0) return;
  const image = checklist.feed('vae.image');
  const names = gradients.map(({ name }) => name);
  const actual = await runOnce(target, withGradients(graph, 'loss', names), weights, { image });
  const { loss, reconstruction_loss, codebook_loss, commitment_loss, reconstruction } = actual;
  const sum = codebook_loss!.data[0]! + commitment_loss!.data[0]!;
  const values: Readonly<Record<string, HostTensor>> = {
    reconstruction: reconstruction!,
    vq_loss: floatTensor([], [sum]),
    mse: reconstruction_loss!,
    total: loss!,
  };
  for (const { key, name } of outputs)
    checklist.compare('preciseImages', `vae.train.${name}`, key, values[name]!);
  for (const { key, name } of gradients)
    checklist.compare('preciseTokenizerGradients', 'vae.grad', key, actual[`gradient.${name}`]!);
}

/** Checks the tokenizer: encoding, decoding of all its scales and of the first, losses and gradients. */
export async function replayVae(subject: VarSubject): Promise<void> {
  await replayEncoder(subject);
  await replayDecoder(subject);
  await replayTraining(subject);
}

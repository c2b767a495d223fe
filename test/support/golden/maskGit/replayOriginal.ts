import type { Graph } from '../../../../src/graph/graph.js';
import type { HostTensor } from '../../../../src/targets/target.js';
import type { Quantity } from '../tolerances.js';
import { runOnce } from '../subject.js';
import { fedWeights } from './fedWeights.js';
import { originalLoss, originalTransformer } from './originalNetwork.js';
import { originalDownsample, originalQuantizer, originalResidualBlock } from './originalTokenizer.js';
import type { MaskGitSubject } from './subject.js';

/** Runs a graph of the original on a part's numbers, and compares each of its outputs that the set asks for. */
async function comparePart(
  { checklist, target }: MaskGitSubject,
  part: string,
  graph: Graph,
  weightsPrefix: string,
  inputs: Readonly<Record<string, HostTensor>>,
  quantityOf: (output: string) => Quantity,
): Promise<void> {
  const weights = fedWeights(checklist, weightsPrefix, graph);
  const actual = await runOnce(target, graph, weights, inputs);
  for (const [name, output] of Object.entries(actual)) {
    const key = `${part}.${name}`;
    if (checklist.has(key)) checklist.compare(quantityOf(name), key, key, output);
  }
}

async function replayTransformer(subject: MaskGitSubject): Promise<void> {
  const { checklist, sections } = subject;
  const isAsked = checklist.asked(/^google\.(transformer|params)\./).length > 0;
  if (!isAsked || !sections.google) return;
  const input_ids = checklist.feed('google.transformer.input_ids');
  const graph = originalTransformer(sections.google);
  await comparePart(subject, 'google.transformer', graph, 'google.params.', { input_ids }, () => 'states');
}

async function replayLoss({ checklist, target }: MaskGitSubject): Promise<void> {
  for (const { key, name } of checklist.asked(/^google\.loss\.smooth(.+)$/)) {
    const [logits, labels, weights] = ['logits', 'labels', 'weights'].map((part) =>
      checklist.feed(`google.loss.${part}`),
    ) as [HostTensor, HostTensor, HostTensor];
    const [, positions, vocabulary] = logits.shape as [number, number, number];
    const graph = originalLoss(positions, vocabulary, Number(name));
    const actual = await runOnce(target, graph, new Map(), { logits, labels, weights });
    checklist.compare('losses', 'google.loss', key, actual.loss!);
  }
}

async function replayTokenizer(subject: MaskGitSubject): Promise<void> {
  const { checklist } = subject;
  const isAsked = (part: string) => checklist.asked(new RegExp(`^google\\.${part}\\.`)).length > 0;
  if (isAsked('resblock') || isAsked('dsample')) {
    const x = checklist.feed('google.resblock.x');
    if (isAsked('dsample'))
      await comparePart(subject, 'google.dsample', originalDownsample(x.shape), '', { x }, () => 'states');
    if (isAsked('resblock')) {
      const outputs = checklist.feed('google.resblock.params.Conv_0.kernel').shape.at(-1)!;
      const graph = originalResidualBlock(x.shape, outputs);
      const prefix = 'google.resblock.params.';
      await comparePart(subject, 'google.resblock', graph, prefix, { x }, () => 'states');
    }
  }
  if (!isAsked('quantizer')) return;
  const x = checklist.feed('google.quantizer.x');
  const graph = originalQuantizer(x.shape, checklist.feed('google.quantizer.codebook').shape[0]!);
  await comparePart(subject, 'google.quantizer', graph, 'google.quantizer.', { x }, (output) =>
    output === 'indices' ? 'indices' : output.endsWith('loss') ? 'losses' : 'states',
  );
}

/** Checks the original's network, its loss, and parts of its tokenizer. */
export async function replayOriginal(subject: MaskGitSubject): Promise<void> {
  await replayTransformer(subject);
  await replayLoss(subject);
  await replayTokenizer(subject);
}

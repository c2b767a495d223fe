import type { JSONSchemaType } from 'ajv';
import { vqAutoencoder, type VqTokenizerConfig } from '../../../graphs/vqTokenizer.js';
import { withGradients } from '../../../src/compiler/gradient.js';
import { InputError } from '../../../src/errors.js';
import { parametersOf } from '../../../src/graph/graph.js';
import type { Weights } from '../../../src/graph/weights.js';
import { validator } from '../../../src/jsonFile.js';
import { matchParameters } from '../../../src/models/matchParameters.js';
import { parseTokenizerConfig } from '../../../src/models/parseConfig.js';
import { vq, vqConfig } from '../../../src/tokenizers/vq.js';
import { floatTensor, type Target } from '../../../src/targets/target.js';
import type { Checklist } from './checklist.js';
import type { Configuration, GoldenSet } from './goldenSet.js';
import { runOnce } from './subject.js';

/** Weights of the losses, which stand among a set's configuration. */
interface LossFields {
  readonly commit_loss_beta: number;
  readonly entropy_loss_ratio: number;
}

const schema: JSONSchemaType<LossFields> = {
  type: 'object',
  required: [],
  properties: {
    commit_loss_beta: { type: 'number', default: 0.25 },
    entropy_loss_ratio: { type: 'number', default: 0.1 },
  },
};
const parseLosses = validator(schema);

/** A set's losses and our names of them. */
const LOSSES: Readonly<Record<string, string>> = {
  mse: 'reconstruction_loss',
  vq: 'codebook_loss',
  commit: 'commitment_loss',
  entropy: 'entropy_loss',
  total: 'loss',
};

interface TokenizerSubject {
  readonly network: VqTokenizerConfig;
  readonly losses: LossFields;
  readonly weights: Weights;
  /** Pixels of a token along an axis. */
  readonly factor: number;
  readonly source: string;
  readonly target: Target;
  readonly checklist: Checklist;
}

type TokenizerGraphs = ReturnType<typeof vq.graphs>;

/** Checks image → latent → indices. */
async function replayEncoder({ encoder }: TokenizerGraphs, { weights, target, checklist }: TokenizerSubject) {
  const asked = checklist.asked(/^(latent|indices)$/);
  if (asked.length === 0) return;
  const actual = await runOnce(target, encoder(), weights, { image: checklist.feed('image') });
  for (const { key } of asked)
    checklist.compare(key === 'latent' ? 'images' : 'indices', key, key, actual[key]!);
}

/** Checks indices → quantized → image, on the set's own indices. @param outputs the decoder's, by the set's keys */
async function replayDecoder(
  { decoder }: TokenizerGraphs,
  { weights, factor, target, checklist, source }: TokenizerSubject,
  indicesKey: string,
  outputs: Readonly<Record<string, string>>,
): Promise<void> {
  const asked = checklist.asked(/^(.+)$/).filter(({ key }) => key in outputs);
  const [first] = asked;
  if (!first) return;
  const indices = checklist.feed(indicesKey);
  const pixels = outputs[first.key] === 'image' ? factor : 1;
  const [height, width] = first.shape.slice(2).map((size) => size / pixels) as [number, number];
  const [batch, length] = indices.shape as [number, number];
  if (height * width !== length)
    throw new InputError(
      `${source}: '${indicesKey}' has ${length} indices a picture, not those of '${first.key}'`,
    );
  const grid = { ...indices, shape: [batch, height, width] };
  const actual = await runOnce(target, decoder(), weights, { indices: grid });
  for (const { key } of asked) checklist.compare('images', key, key, actual[outputs[key]!]!);
}

/** Checks the losses, and the gradients of their total. */
async function replayLosses({
  network,
  losses,
  weights,
  target,
  checklist,
}: TokenizerSubject): Promise<void> {
  const graph = vqAutoencoder(network, {
    reconstruction: 'l2',
    commitment: losses.commit_loss_beta,
    entropy: losses.entropy_loss_ratio,
    rate: 0,
  });
  const parameters = new Set(parametersOf(graph).map(({ name }) => name));
  const parts = checklist.asked(/^loss\.(.+)$/).filter(({ name }) => name in LOSSES);
  const gradients = checklist.asked(/^grad\.(.+)$/).filter(({ name }) => parameters.has(name));
  if (parts.length + gradients.length === 0) return;
  const image = checklist.feed('image');
  if (parts.length > 0) {
    const actual = await runOnce(target, graph, weights, { image });
    // Where its weight is zero, the entropy is left out.
    for (const { key, name } of parts)
      checklist.compare('losses', 'loss', key, actual[LOSSES[name]!] ?? floatTensor([], [0]));
  }
  if (gradients.length === 0) return;
  const names = gradients.map(({ name }) => name);
  const wanted = names.map((name) => `gradient.${name}`);
  const actual = await runOnce(target, withGradients(graph, 'loss', names), weights, { image }, wanted);
  for (const { key, name } of gradients)
    checklist.compare('tokenizerGradients', 'grad', key, actual[`gradient.${name}`]!);
}

/** Replays one configuration of a VQ tokenizer's set. */
export async function replayTokenizer(
  { source, weights: dictionary }: GoldenSet,
  { fields }: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const config = parseTokenizerConfig(vq, fields, source);
  const graphs = vq.graphs(config);
  const weights = matchParameters([graphs.encoder(), graphs.decoder()], dictionary, source, {
    ignored: vq.ignored,
  });
  const subject = {
    network: vqConfig(config),
    losses: parseLosses(fields, source),
    weights,
    factor: vq.facts(config).factor,
    ...{ source, target, checklist },
  };
  await replayEncoder(graphs, subject);
  await replayDecoder(graphs, subject, 'indices', { quantized: 'quantized', reconstruction: 'image' });
  await replayDecoder(graphs, subject, 'decode.indices', { 'decode.image': 'image' });
  await replayLosses(subject);
}

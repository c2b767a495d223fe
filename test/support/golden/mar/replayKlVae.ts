import { attentionBlock, residualBlock } from '../../../../graphs/convolutionLayers.js';
import {
  deviationOf,
  klMoments,
  posteriorDivergence,
  posteriorOf,
  posteriorSample,
} from '../../../../graphs/klVae.js';
import { multiply, scope, type Tensor } from '../../../../src/dsl/index.js';
import type { Weights } from '../../../../src/graph/weights.js';
import { matchParameters } from '../../../../src/models/matchParameters.js';
import { parseTokenizerConfig } from '../../../../src/models/parseConfig.js';
import { klVae } from '../../../../src/tokenizers/klVae.js';
import { type KlVaeFields, klVaeNetwork } from '../../../../src/tokenizers/klVaeFields.js';
import { floatTensor, type HostTensor, type Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { Configuration, GoldenSet } from '../goldenSet.js';
import { runOnce } from '../subject.js';
import { evaluate } from './evaluate.js';

interface KlVaeSubject {
  readonly fields: KlVaeFields;
  readonly weights: Weights;
  readonly target: Target;
  readonly checklist: Checklist;
}

/** `[batch, channels, height, width]` → `[batch, height, width, channels]` */
function channelsLast({ shape, data }: HostTensor): HostTensor {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const turned = new Float32Array(data.length);
  const pixels = height * width;
  for (const [at, value] of data.entries()) {
    const [image, rest] = [Math.floor(at / (channels * pixels)), at % (channels * pixels)];
    const [channel, pixel] = [Math.floor(rest / pixels), rest % pixels];
    turned[(image * pixels + pixel) * channels + channel] = value;
  }
  return floatTensor([batch, height, width, channels], turned);
}

function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  return floatTensor(
    shape,
    Float32Array.from(data, (value) => value * factor),
  );
}

/** Compares results with the keys of their names, as far as they are asked for. */
function compareAll(checklist: Checklist, results: Readonly<Record<string, HostTensor>>): void {
  for (const [key, actual] of Object.entries(results))
    if (checklist.has(key)) checklist.compare('images', key, key, actual);
}

/** What the moments say, drawn with a noise. */
function posteriorParts(moments: Tensor, noise: Tensor): Readonly<Record<string, Tensor>> {
  const posterior = posteriorOf(moments);
  return {
    mean: posterior.mean,
    logvar: posterior.logVariance,
    std: deviationOf(posterior),
    kl: posteriorDivergence(posterior),
    latent: posteriorSample(posterior, noise),
  };
}

/** The picture that the tokenizer's decoder makes of a scaled latent. */
async function decoded({ fields, weights, target }: KlVaeSubject, latent: HostTensor): Promise<HostTensor> {
  const { decoder } = klVae.graphs(fields);
  return (await runOnce(target, decoder(), weights, { vectors: channelsLast(latent) })).image!;
}

/** Checks image → moments → latent → image, and what the tokenizer's own encoder gives. */
async function replayPictures(subject: KlVaeSubject): Promise<void> {
  const { fields, weights, target, checklist } = subject;
  const given = { image: checklist.feed('image'), noise: checklist.feed('noise') };
  const parts = await evaluate(
    target,
    given,
    ({ image, noise }) => {
      const { encoded, moments } = klMoments(image, klVaeNetwork(fields));
      const all = posteriorParts(moments, noise);
      return {
        ...{ encoder_output: encoded, moments, ...all },
        latent_scaled: multiply(all.latent!, fields.scale_factor),
      };
    },
    weights,
  );
  compareAll(checklist, {
    ...parts,
    reconstruction: await decoded(subject, parts.latent_scaled!),
    mode_reconstruction: await decoded(subject, scaled(parts.mean!, fields.scale_factor)),
  });
  const encoder = klVae.graphs(fields).encoder();
  const { vectors, deviations } = await runOnce(target, encoder, weights, { image: given.image });
  for (const [key, own] of [
    ['mean', vectors],
    ['std', deviations],
  ] as const) {
    const wanted = channelsLast(scaled(checklist.feed(key), fields.scale_factor));
    checklist.compareWith('images', 'encoder', key, own!, wanted);
  }
}

/** Checks draws of moments that have to be bounded. */
async function replayPosterior({ target, checklist }: KlVaeSubject): Promise<void> {
  const given = {
    moments: checklist.feed('posterior.moments'),
    noise: checklist.feed('posterior.noise'),
  };
  const { std, latent } = await evaluate(target, given, ({ moments, noise }) =>
    posteriorParts(moments, noise),
  );
  compareAll(checklist, { 'posterior.std': std!, 'posterior.sample': latent! });
}

/** Checks two layers of the decoder on an input of their own. */
async function replayLayers({ target, weights, checklist }: KlVaeSubject): Promise<void> {
  const x = checklist.feed('attn.input');
  const width = x.shape[1]!;
  const layers = await evaluate(
    target,
    { x },
    ({ x: given }) => ({
      'attn.output': scope('decoder.mid.attn_1', () => attentionBlock(given)),
      'resnet.output': scope('decoder.mid.block_1', () => residualBlock(given, width)),
    }),
    weights,
  );
  compareAll(checklist, layers);
}

/** Replays one configuration of a KL autoencoder's set. */
export async function replayKlVae(
  { source, weights: dictionary }: GoldenSet,
  configuration: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const fields = parseTokenizerConfig(klVae, configuration.fields, source);
  const { encoder, decoder } = klVae.graphs(fields);
  const weights = matchParameters([encoder(), decoder()], dictionary, source, klVae);
  const subject = { fields, weights, target, checklist };
  const asks = (pattern: RegExp) => checklist.asked(pattern).length > 0;
  if (
    asks(/^(image|noise|encoder_output|moments|mean|logvar|std|kl|latent(_scaled)?|(mode_)?reconstruction)$/)
  )
    await replayPictures(subject);
  if (asks(/^decode\./))
    compareAll(checklist, { 'decode.image': await decoded(subject, checklist.feed('decode.latent')) });
  if (asks(/^posterior\./)) await replayPosterior(subject);
  if (asks(/^(attn|resnet)\./)) await replayLayers(subject);
}

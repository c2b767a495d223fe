import {
  diffusionLosses,
  earlierState,
  noisyState,
  predictionOf,
  reverseStep,
  rowsOfSteps,
  stepWeightRows,
  stepWeightsOf,
} from '../../../../graphs/diffusion.js';
import {
  diffusionBlock,
  diffusionFinalLayer,
  timeEmbedding,
  timestepEmbedding,
} from '../../../../graphs/diffusionMlp.js';
import { spacedDiffusion, spacedTimesteps, trainedDiffusion } from '../../../../graphs/diffusionTables.js';
import { marAttention, marBlock, patchify } from '../../../../graphs/mar.js';
import { guidedPrediction, marPrediction } from '../../../../graphs/marDiffusion.js';
import { add, concat, layerNormLayer, scope, slice, type Tensor } from '../../../../src/dsl/index.js';
import { marNetwork } from '../../../../src/systems/marFields.js';
import { floatTensor, type HostTensor, intTensor } from '../../../../src/targets/target.js';
import type { Quantity } from '../tolerances.js';
import { evaluate } from './evaluate.js';
import { onesLike, ratios } from './ratios.js';
import type { MarSubject } from './subject.js';

const NETWORK = 'diffloss.net';
/** What parts of the network are compared as; all others are images. */
const MLP_QUANTITIES: Readonly<Record<string, Quantity>> = {
  // Angles of a thousand radians take up the rounding of the frequencies.
  'mlp.timestep_embedding': 'predictions',
  // Norms of numbers that hardly vary take up their rounding.
  'mlp.block.small_output': 'predictions',
  'mlp.block.output': 'states',
  'mlp.final.output': 'states',
};
/** The scale of `mlp.output_cfg`. */
const GUIDANCE = 2.5;

/** Compares results with the keys of their names, as far as they are asked for. */
function compareAll(
  { checklist }: MarSubject,
  quantity: Quantity,
  results: Readonly<Record<string, HostTensor>>,
): void {
  for (const [key, actual] of Object.entries(results))
    if (checklist.has(key)) checklist.compare(quantity, key, key, actual);
}

/** Checks squares of latents as tokens. */
async function replayPatches(subject: MarSubject): Promise<void> {
  const { checklist, target } = subject;
  for (const { key, name } of checklist.asked(/^patchify(\d*)\.output$/)) {
    const patch = name === '' ? 1 : Number(name);
    const x = checklist.feed(`patchify${name}.input`);
    const { y } = await evaluate(target, { x }, (given) => ({ y: patchify(given.x, patch) }));
    checklist.compare('indices', key, key, y!);
  }
}

/** Checks a layer of the encoder. */
async function replayBlock(subject: MarSubject): Promise<void> {
  const { checklist, target, weights, fields } = subject;
  const { encoder, mlpRatio, normEpsilon } = marNetwork(fields);
  const sizes = { heads: encoder.heads, mlpRatio, normEpsilon };
  const given = { x: checklist.feed('block.input'), small: checklist.feed('block.small_input') };
  const layer = await evaluate(
    target,
    given,
    ({ x, small }) =>
      scope('encoder_blocks.0', () => {
        const normed = layerNormLayer('norm1', x, normEpsilon);
        return {
          'block.attention_output': scope('attn', () => marAttention(normed, encoder.heads)),
          'block.output': marBlock(x, sizes),
          'block.small_output': marBlock(small, sizes),
        };
      }),
    weights,
  );
  const { 'block.small_output': small, ...others } = layer;
  compareAll(subject, 'states', others);
  // Norms of numbers that hardly vary take up their rounding.
  compareAll(subject, 'predictions', { 'block.small_output': small! });
}

/** Checks the network that draws, whole and in parts. */
async function replayMlp(subject: MarSubject): Promise<void> {
  const { checklist, target, weights, fields } = subject;
  const config = marNetwork(fields);
  const { channels, width } = config.diffusion;
  const [t, x, z] = ['t', 'x', 'z'].map((name) => checklist.feed(`mlp.${name}`)) as [
    HostTensor,
    HostTensor,
    HostTensor,
  ];
  const [input, condition, small] = ['input', 'condition', 'small_input'].map((name) =>
    checklist.feed(`mlp.block.${name}`),
  ) as [HostTensor, HostTensor, HostTensor];
  const half = x.shape[0]! / 2;
  const results = await evaluate(
    target,
    { t, x, z, input, condition, small, scale: floatTensor([], [GUIDANCE]) },
    (given) => {
      const twice = (all: Tensor) => {
        const first = slice(all, { axis: 0, start: 0, length: half });
        return concat([first, first], 0);
      };
      const both = marPrediction(twice(given.x), twice(given.t), given.z, config);
      const { variance } = predictionOf(both);
      const { noise } = guidedPrediction(predictionOf(both), half, given.scale);
      const block = (state: Tensor) =>
        scope(`${NETWORK}.res_blocks.0`, () => diffusionBlock(state, given.condition));
      const final = (state: Tensor) =>
        scope(`${NETWORK}.final_layer`, () => diffusionFinalLayer(state, given.condition, 2 * channels));
      return {
        'mlp.timestep_embedding': timestepEmbedding(given.t),
        'mlp.time_embed': scope(NETWORK, () => timeEmbedding(given.t, width)),
        'mlp.output': marPrediction(given.x, given.t, given.z, config),
        'mlp.output_cfg': concat([concat([noise, noise], 0), variance], 1),
        'mlp.block.output': block(given.input),
        'mlp.block.small_output': block(given.small),
        'mlp.final.output': final(given.input),
        'mlp.final.small_output': final(given.small),
      };
    },
    weights,
  );
  for (const [key, actual] of Object.entries(results))
    compareAll(subject, MLP_QUANTITIES[key] ?? 'images', { [key]: actual });
}

/** Checks what rows cost for predictions that are given. */
async function replayLosses(subject: MarSubject): Promise<void> {
  const { checklist, target } = subject;
  const [signal, t, noise, output, noisy] = ['x_start', 't', 'noise', 'model_output', 'x_t'].map((name) =>
    checklist.feed(`loss_terms.${name}`),
  ) as [HostTensor, HostTensor, HostTensor, HostTensor, HostTensor];
  const tables = trainedDiffusion();
  const results = await evaluate(target, { signal, t, noise, output, noisy }, (given) => {
    const weights = stepWeightsOf(rowsOfSteps(stepWeightRows(tables), given.t));
    const row = { signal: given.signal, noise: given.noise, state: given.noisy, step: given.t };
    const { squaredError, variational } = diffusionLosses(row, predictionOf(given.output), weights);
    return {
      x_t: noisyState(given.signal, given.noise, given.t, tables),
      mse: squaredError,
      vb: variational,
      loss: add(squaredError, variational),
    };
  });
  compareAll(subject, 'states', { 'loss_terms.x_t': results.x_t! });
  for (const name of ['mse', 'vb', 'loss'] as const) {
    const key = `loss_terms.${name}`;
    const wanted = checklist.feed(key);
    const quantity = name === 'mse' ? 'states' : 'bounds';
    checklist.compareWith(quantity, key, key, ratios(results[name]!.data, wanted), onesLike(wanted));
  }
}

/** What the steps of the set's reverse steps are scaled by. */
const TEMPERATURE = 0.9;

/** Checks steps backwards for predictions that are given. */
async function replayReverse(subject: MarSubject): Promise<void> {
  const { checklist, target } = subject;
  const [x, output, noise] = ['x', 'model_output', 'noise'].map((name) =>
    checklist.feed(`reverse_step.${name}`),
  ) as [HostTensor, HostTensor, HostTensor];
  const steps = Array.from(checklist.feed('reverse_step.step').data);
  const timesteps = spacedTimesteps('ddim5');
  checklist.compare('indices', 'reverse_step.timesteps', 'reverse_step.timesteps', intTensor([5], timesteps));
  const rows = stepWeightRows(spacedDiffusion(timesteps));
  const weights = floatTensor(
    [steps.length, rows[0]!.length],
    steps.flatMap((step) => rows[step]!),
  );
  const scale = floatTensor(
    [steps.length, 1],
    steps.map((step) => (step === 0 ? 0 : TEMPERATURE)),
  );
  const results = await evaluate(target, { x, output, noise, weights, scale }, (given) => {
    const step = reverseStep(given.x, predictionOf(given.output), stepWeightsOf(given.weights));
    return {
      'reverse_step.pred_xstart': step.signal,
      'reverse_step.mean': step.mean,
      'reverse_step.log_variance': step.logVariance,
      'reverse_step.sample': earlierState(step, given.noise, given.scale),
    };
  });
  compareAll(subject, 'states', results);
}

/** Checks parts of the network, and of the diffusion, by themselves. */
export async function replayPieces(subject: MarSubject): Promise<void> {
  const asks = (pattern: RegExp) => subject.checklist.asked(pattern).length > 0;
  await replayPatches(subject);
  if (asks(/^block\./)) await replayBlock(subject);
  if (asks(/^mlp\./)) await replayMlp(subject);
  if (asks(/^loss_terms\./)) await replayLosses(subject);
  if (asks(/^reverse_step\./)) await replayReverse(subject);
}

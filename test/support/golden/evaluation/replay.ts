import { inceptionProbabilities } from '../../../../graphs/inceptionV3.js';
import { cornerBilinear, resample } from '../../../../graphs/resampling.js';
import { openNpz } from '../../../../src/data/npzFile.js';
import { input, makeGraph, multiply, subtract, transpose } from '../../../../src/dsl/index.js';
import { admDistances, exactDistances, rowsOf } from '../../../../src/evaluation/distances.js';
import { frechetDistance } from '../../../../src/evaluation/frechetDistance.js';
import { inceptionScore, scoreSumsOf } from '../../../../src/evaluation/inceptionScore.js';
import { chosenRows, cmmd, kernelInceptionDistance } from '../../../../src/evaluation/kernelDistance.js';
import {
  type Features,
  type Gaussian,
  gaussianOf,
  mergeMoments,
  type Moments,
  momentsOf,
  singlePrecisionMean,
} from '../../../../src/evaluation/moments.js';
import { coverageOf, neighbourRadii, precisionRecall } from '../../../../src/evaluation/precisionRecall.js';
import { trace } from '../../../../src/evaluation/symmetricMatrix.js';
import { type DoubleProduct, doubleProduct } from '../../../../src/targets/onnx/doubleProduct.js';
import { floatTensor, type Target } from '../../../../src/targets/target.js';
import type { Checklist } from '../checklist.js';
import type { Configuration, GoldenSet } from '../goldenSet.js';
import { runOnce } from '../subject.js';

/** A case as the json has it. */
interface EvaluationCase {
  readonly name: string;
  /** The case whose tensors it uses. */
  readonly inputs: string;
  readonly row_batch: number;
  readonly col_batch: number;
  readonly is_splits?: readonly number[];
  readonly shards?: readonly number[];
}

const SETS = ['ref', 'sample'] as const;
type SetName = (typeof SETS)[number];

/** What is measured, with the numbers to compare with. */
interface Subject {
  readonly checklist: Checklist;
  readonly product: DoubleProduct;
}

function featuresAt({ checklist }: Subject, key: string): Features {
  const { shape, data } = checklist.feed(key);
  const [count, width] = shape as [number, number];
  return { count, width, values: data as Float32Array };
}

function scalarAt({ checklist }: Subject, key: string): number {
  return checklist.feedDoubles(key)[0]!;
}

/** What tolerances of Fréchet distances are relative to. */
function spread(one: Gaussian, other: Gaussian, distance: number): number {
  const size = one.mean.length;
  return trace(one.covariance, size) + trace(other.covariance, size) + Math.abs(distance);
}

/** Numbers that tell how the official code fared on one machine; nothing is to agree with them. */
const DIAGNOSES =
  /_(eig|eig_threshold|sqrtm|official|relative|naive_f64_relative|naive_f32_relative)_error$|relative_error$/;

async function replayGaussians(subject: Subject, name: string): Promise<void> {
  const { checklist, product } = subject;
  for (const [kind, suffix, distance] of [
    ['pool', '', 'fid'],
    ['spatial', '_s', 'sfid'],
  ] as const) {
    const [ref, sample] = (await Promise.all(
      SETS.map(async (set) => {
        const rows = featuresAt(subject, `${name}.${set}.${kind}`);
        const gaussian = gaussianOf(await momentsOf(rows, product));
        checklist.compareDoubles(
          'covariances',
          'sigma',
          `${name}.${set}.sigma${suffix}`,
          gaussian.covariance,
        );
        checklist.compareDoubles('means', 'mu_64', `${name}.${set}.mu${suffix}_64`, gaussian.mean);
        checklist.compareDoubles('bits', 'mu', `${name}.${set}.mu${suffix}`, singlePrecisionMean(rows));
        return gaussian;
      }),
    )) as [Gaussian, Gaussian];
    const found = await frechetDistance(ref, sample, product);
    const scale = spread(ref, sample, found);
    checklist.compareDoubles(
      'distancesFrechet',
      `${distance}_true`,
      `${name}.${distance}_true`,
      [found],
      scale,
    );
    const stored = (set: SetName): Gaussian => ({
      mean: checklist.feedDoubles(`${name}.${set}.mu${suffix}`),
      covariance: checklist.feedDoubles(`${name}.${set}.sigma${suffix}`),
    });
    const official = await frechetDistance(stored('ref'), stored('sample'), product);
    // Where the official code adds something to the diagonals, it is off by that.
    if (name === 'eps') checklist.feed(`${name}.${distance}`);
    else checklist.compareDoubles('officialFrechet', distance, `${name}.${distance}`, [official], scale);
  }
}

function replayScores(subject: Subject, { name, is_splits: splits = [] }: EvaluationCase): void {
  const { checklist } = subject;
  const scoreOf = (set: SetName, chunk: number) => {
    const { count, width, values } = featuresAt(subject, `${name}.${set}.probs`);
    return inceptionScore(scoreSumsOf({ count, classes: width, values }, 0, chunk));
  };
  for (const split of splits) {
    const score = scoreOf('sample', split);
    checklist.compareDoubles('scores', 'is_64', `${name}.is_${split}_64`, [score]);
    checklist.compareDoubles('officialScores', 'is', `${name}.is_${split}`, [score]);
  }
  checklist.compareDoubles('officialScores', 'is', `${name}.is_ref_5000`, [scoreOf('ref', 5000)]);
}

/** The largest magnitude of a kernel's mean over pairs, which tolerances are relative to. */
function polynomialScale(one: Features, other: Features): number {
  const norm = ({ values, width }: Features) =>
    values.reduce((sum, value) => sum + value ** 2, 0) / (values.length / width);
  return (Math.max(norm(one), norm(other)) / one.width + 1) ** 3;
}

async function replayKernels(subject: Subject, name: string): Promise<void> {
  const { checklist, product } = subject;
  const [ref, sample] = SETS.map((set) => featuresAt(subject, `${name}.${set}.pool`)) as [Features, Features];
  const scale = polynomialScale(ref, sample);
  const full = await kernelInceptionDistance(ref, sample, product);
  checklist.compareDoubles('kernels', 'kid', `${name}.kid_full`, [full], scale);
  checklist.compareDoubles('kernels', 'cmmd', `${name}.cmmd`, [await cmmd(ref, sample, product)], 1000);
  if (!checklist.has(`${name}.kid.subsets`)) return;
  const [refRows, sampleRows] = ['ref', 'sample'].map((set) => checklist.feed(`${name}.kid.${set}_indices`));
  const [subsets, size] = refRows!.shape as [number, number];
  const values: number[] = [];
  for (let subset = 0; subset < subsets; subset++) {
    const chosen = (features: Features, { data }: { readonly data: ArrayLike<number> }) =>
      chosenRows(features, Array.from(data).slice(subset * size, (subset + 1) * size));
    values.push(await kernelInceptionDistance(chosen(ref, refRows!), chosen(sample, sampleRows!), product));
  }
  const mean = values.reduce((a, b) => a + b, 0) / subsets;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets);
  checklist.compareDoubles('kernels', 'kid', `${name}.kid.subsets`, values, scale);
  checklist.compareDoubles('kernels', 'kid', `${name}.kid_mean`, [mean], scale);
  checklist.compareDoubles('kernels', 'kid', `${name}.kid_std`, [deviation], scale);
}

async function replayNeighbours(subject: Subject, own: EvaluationCase): Promise<void> {
  const { checklist, product } = subject;
  const { name, inputs } = own;
  const [ref, sample] = SETS.map((set) => featuresAt(subject, `${inputs}.${set}.pool`)) as [
    Features,
    Features,
  ];
  const adm = admDistances(product, { rowBlock: own.row_batch, columnBlock: own.col_batch });
  const norms = (features: Features) =>
    Math.max(
      ...Array.from({ length: features.count }, (_, row) =>
        rowsOf(features, row, 1).values.reduce((sum, value) => sum + value ** 2, 0),
      ),
    );
  for (const [suffix, arithmetic] of [
    ['_64', exactDistances(product)],
    ['', adm],
  ] as const) {
    if (!checklist.has(`${name}.ref.radii${suffix}`)) continue;
    const radii = {
      ref: await neighbourRadii(ref, arithmetic),
      sample: await neighbourRadii(sample, arithmetic),
    };
    // What overflows half precision was computed in single precision.
    const overflows = name.startsWith('overflow');
    const quantity = suffix === '_64' ? 'radii' : overflows ? 'singleRadii' : 'bits';
    for (const set of SETS) {
      const scale = quantity === 'singleRadii' ? norms(set === 'ref' ? ref : sample) : undefined;
      checklist.compareDoubles(
        quantity,
        quantity === 'singleRadii' ? 'radii of float32' : `radii${suffix}`,
        `${name}.${set}.radii${suffix}`,
        radii[set],
        scale,
      );
    }
    const coverage = await coverageOf(
      { features: ref, radii: radii.ref },
      { features: sample, radii: radii.sample },
      arithmetic,
    );
    checklist.compareDoubles('bits', 'inside', `${name}.sample.in_ref${suffix}`, coverage.samples);
    checklist.compareDoubles('bits', 'inside', `${name}.ref.in_sample${suffix}`, coverage.references);
    const { precision, recall } = precisionRecall(coverage);
    checklist.compareDoubles('bits', 'precision', `${name}.precision${suffix}`, [precision]);
    checklist.compareDoubles('bits', 'recall', `${name}.recall${suffix}`, [recall]);
  }
  for (const { key, shape } of checklist.asked(new RegExp(`^${name}\\.distances$`))) {
    const [rows, columns] = shape as [number, number];
    const found = await admDistances(product).distances(rowsOf(ref, 0, rows), rowsOf(sample, 0, columns));
    checklist.compareDoubles('bits', 'distances', key, found);
  }
}

/** Parts of the samples, whose moments are those of the whole when they are merged. */
async function replayShards(
  { checklist, product, ...rest }: Subject,
  { name, shards }: EvaluationCase,
): Promise<void> {
  if (!shards) return;
  const sample = featuresAt({ checklist, product, ...rest }, `${name}.sample.pool`);
  const parts: Moments[] = [];
  for (const [index, start] of shards.slice(0, -1).entries()) {
    const part = await momentsOf(rowsOf(sample, start, shards[index + 1]! - start), product);
    parts.push(part);
    checklist.compareDoubles('means', 'shards mean', `${name}.shard.${index}.mean`, part.mean);
    // The sums of a single row are nothing.
    const scale = Math.max(1e-3, ...part.scatter.map(Math.abs));
    checklist.compareDoubles('covariances', 'shards', `${name}.shard.${index}.m2`, part.scatter, scale);
  }
  for (const order of [parts, [...parts].reverse()]) {
    const merged = gaussianOf(order.reduce(mergeMoments));
    checklist.compareDoubles('covariances', 'merged', `${name}.sample.sigma`, merged.covariance);
    checklist.compareDoubles('means', 'merged mean', `${name}.sample.mu_64`, merged.mean);
  }
}

async function replayClosedForms({ checklist, product }: Subject): Promise<void> {
  for (const { name } of checklist.asked(/^closed\.([a-z_]+)\.fid$/)) {
    const gaussian = (which: 1 | 2): Gaussian => ({
      mean: checklist.feedDoubles(`closed.${name}.mu${which}`),
      covariance: checklist.feedDoubles(`closed.${name}.sigma${which}`),
    });
    const [one, other] = [gaussian(1), gaussian(2)];
    const wanted = checklist.feedDoubles(`closed.${name}.fid`)[0]!;
    const scale = spread(one, other, wanted);
    for (const found of [
      await frechetDistance(one, other, product),
      await frechetDistance(other, one, product),
    ])
      checklist.compareDoubles('closedFrechet', 'closed', `closed.${name}.fid`, [found], scale);
    // As the official code's own root has it, which went astray where a covariance has no inverse.
    if (checklist.has(`closed.${name}.fid_official`)) checklist.feed(`closed.${name}.fid_official`);
  }
}

/** Scores of probabilities that are 0, and of samples in another order. */
function replayOddScores(subject: Subject): void {
  const { checklist } = subject;
  if (checklist.asks('is_zero.with_0log0') && checklist.has('is_zero.probs')) {
    const { count, width, values } = featuresAt(subject, 'is_zero.probs');
    const score = inceptionScore(scoreSumsOf({ count, classes: width, values }, 0, count));
    checklist.compareDoubles('scores', 'is_zero', 'is_zero.with_0log0', [score]);
    // The official code has no number for these.
    if (!Number.isNaN(scalarAt(subject, 'is_zero.official'))) throw new Error('is_zero.official is a number');
  }
  if (!checklist.has('is_sorted.order')) return;
  const order = checklist.feed('is_sorted.order').data;
  const sorted = chosenRows(featuresAt(subject, 'base.sample.probs'), order);
  for (const { key, name } of checklist.asked(/^is_sorted\.is_(\d+)$/)) {
    const probabilities = { count: sorted.count, classes: sorted.width, values: sorted.values };
    checklist.compareDoubles('officialScores', 'is_sorted', key, [
      inceptionScore(scoreSumsOf(probabilities, 0, Number(name))),
    ]);
  }
}

/** What comes before the features, and the probabilities after them: graphs on a target. */
async function replayGraphs(subject: Subject, target: Target): Promise<void> {
  const { checklist } = subject;
  for (const { key, name } of checklist.asked(/^resize\.(\d+)\.output$/)) {
    const { shape, data } = checklist.feed(`resize.${name}.input`);
    const [, height, width] = shape as [number, number, number, number];
    const wanted = checklist.feed(key).shape as [number, number, number, number];
    const image = input('image', 'f32', shape);
    const rows = cornerBilinear(height, wanted[1]);
    const output = transpose(
      resample(transpose(image, [0, 3, 1, 2]), rows, cornerBilinear(width, wanted[2])),
      [0, 2, 3, 1],
    );
    const normalised = multiply(subtract(output, 128), 0.0078125);
    const graph = makeGraph('resize', [image], { output, normalised });
    const found = await runOnce(target, graph, new Map(), {
      image: floatTensor(shape, data as Float32Array),
    });
    checklist.compare('resized', 'resize', key, found.output!);
    checklist.compare('resized', 'resize', `resize.${name}.normalised`, found.normalised!);
    // What another way of sampling would give.
    checklist.feed(`resize.${name}.not_half_pixel`);
  }
  if (!checklist.has('softmax.weight')) return;
  const [pool, weight] = [checklist.feed('base.sample.pool'), checklist.feed('softmax.weight')];
  const [x, w] = [input('pool', 'f32', pool.shape), input('weight', 'f32', weight.shape)];
  const probs = inceptionProbabilities(x, transpose(w, [1, 0]));
  const found = await runOnce(target, makeGraph('softmax', [x, w], { probs }), new Map(), { pool, weight });
  checklist.compare('probabilities', 'softmax', 'softmax.probs', found.probs!);
  checklist.compare('probabilities', 'softmax', 'base.sample.probs', found.probs!);
  for (const key of ['softmax.bias', 'softmax.with_bias']) checklist.feed(key);
}

/** The archives beside the numbers, as NumPy writes them. */
async function replayArchives({ checklist }: Subject, path: string): Promise<void> {
  if (!checklist.has('npz.images')) return;
  const { shape } = checklist.feed('npz.images');
  const [count, ...size] = shape as [number, number, number, number];
  const bytes = size.reduce((a, b) => a * b, 1);
  const [samples, reference] = await Promise.all(
    ['sample', 'ref'].map((name) => openNpz(`${path}.${name}.npz`)),
  );
  const pixels: number[] = [];
  const pictures = samples!.pictures('arr_0');
  for (let index = 0; index < pictures.count; index++) pixels.push(...(await pictures.read(index)).data);
  checklist.compareDoubles('bits', 'npz', 'npz.images', pixels);
  const others = reference!.pictures('arr_0');
  const first = checklist.feedDoubles('npz.images').slice(0, others.count * bytes);
  for (let index = 0; index < others.count; index++) {
    const { data } = await others.read(index);
    if (data.some((value, at) => value !== first[index * bytes + at]))
      throw new Error(`picture ${index} of ${count} is another`);
  }
  for (const [array, key] of Object.entries({ mu: 'mu', sigma: 'sigma', mu_s: 'mu_s', sigma_s: 'sigma_s' }))
    checklist.compareDoubles('bits', 'npz', `base.ref.${key}`, reference!.floats(array).data);
}

/** Replays a set of the measures of pictures. */
export async function replayEvaluation(
  { source }: GoldenSet,
  { cases }: Configuration,
  target: Target,
  checklist: Checklist,
): Promise<void> {
  const subject: Subject = { checklist, product: doubleProduct() };
  try {
    for (const own of cases as readonly EvaluationCase[]) {
      if (checklist.asked(new RegExp(`^${own.name}\\.`)).length === 0) continue;
      if (own.name === own.inputs) {
        await replayGaussians(subject, own.name);
        replayScores(subject, own);
        await replayKernels(subject, own.name);
        await replayShards(subject, own);
      }
      await replayNeighbours(subject, own);
    }
    await replayClosedForms(subject);
    replayOddScores(subject);
    await replayGraphs(subject, target);
    await replayArchives(subject, source.replace(/\.json$/, ''));
    for (const { key } of checklist.asked(DIAGNOSES)) checklist.feed(key);
  } finally {
    await subject.product.dispose();
  }
}

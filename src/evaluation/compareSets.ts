import { randomOrder } from '../sampling/order.js';
import type { DoubleProduct } from '../targets/onnx/doubleProduct.js';
import type { DistanceArithmetic } from './distances.js';
import { frechetDistance } from './frechetDistance.js';
import { inceptionScore } from './inceptionScore.js';
import { chosenRows, cmmd, kernelInceptionDistance } from './kernelDistance.js';
import { type Features, gaussianOf, type Gaussian } from './moments.js';
import { coverageOf, neighbourRadii, precisionRecall } from './precisionRecall.js';
import type { SetStatistics } from './setStatistics.js';

/** Measures of two sets of pictures, in the order in which they are shown. */
export const METRICS = ['fid', 'sfid', 'is', 'precision', 'recall', 'kid', 'cmmd'] as const;
export type Metric = (typeof METRICS)[number];

/** What pictures are compared with: Gaussians may come from another set than the rows, as in the ADM reference files. */
export interface ReferenceStatistics {
  readonly pool?: Gaussian;
  readonly spatial?: Gaussian;
  readonly rows?: Features;
}

export interface CompareOptions {
  readonly metrics: readonly Metric[];
  readonly product: DoubleProduct;
  readonly arithmetic: DistanceArithmetic;
  /** Kernel distances of so many random subsets of so many pictures each, instead of one of all pictures. */
  readonly subsets?: { readonly count: number; readonly size: number; readonly seed: number };
  /** Hears which measure is computed. */
  readonly onMetric?: (metric: Metric) => void;
}

/** What was measured; `kid_std` is over the subsets. */
export type Measured = Partial<Record<Metric | 'kid_std', number>>;

/** Pictures that a set must have at least, where two are not enough: the third neighbour must be there. */
const LEAST_PICTURES: Partial<Record<Metric, number>> = { precision: 4, recall: 4 };

/** What a measure needs that a set or the reference lacks, in words; undefined where nothing. */
export function lackingFor(
  metric: Metric,
  samples: SetStatistics,
  reference: ReferenceStatistics | undefined,
): string | undefined {
  if (metric === 'is') return samples.scores ? undefined : 'the network tells no classes apart';
  if (!reference) return 'there is no --reference';
  const least = LEAST_PICTURES[metric] ?? 2;
  const fewest = Math.min(samples.rows.count, reference.rows?.count ?? Number.POSITIVE_INFINITY);
  if (fewest < least) return `it needs at least ${least} pictures in each set, and there are ${fewest}`;
  if (metric === 'sfid' && !samples.spatial) return 'the network has no spatial features';
  if (metric === 'sfid') return reference.spatial ? undefined : 'the reference has no spatial statistics';
  if (metric === 'fid') return reference.pool ? undefined : 'the reference has no statistics';
  return reference.rows ? undefined : 'the reference has statistics alone, and no pictures';
}

/** The mean and the standard deviation of the kernel distance over random subsets. */
async function kidOfSubsets(
  reference: Features,
  samples: Features,
  { count, size, seed }: NonNullable<CompareOptions['subsets']>,
  product: DoubleProduct,
): Promise<Measured> {
  const values: number[] = [];
  for (let subset = 0; subset < count; subset++) {
    const draw = (features: Features, part: number) =>
      chosenRows(features, randomOrder(features.count, seed, subset * 2 + part).slice(0, size));
    values.push(await kernelInceptionDistance(draw(reference, 0), draw(samples, 1), product));
  }
  const mean = values.reduce((a, b) => a + b, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return { kid: mean, kid_std: Math.sqrt(variance) };
}

/** Whether measures of neighbours are asked for. */
const needsNeighbours = (metric: Metric) => metric === 'precision' || metric === 'recall';

/**
 * Compares a set of pictures with a reference. What a measure lacks must have been asked before (`lackingFor`).
 * @throws RangeError for sets that are too small.
 */
export async function compareSets(
  samples: SetStatistics,
  reference: ReferenceStatistics,
  { metrics, product, arithmetic, subsets, onMetric }: CompareOptions,
): Promise<Measured> {
  const measured: Measured = {};
  for (const metric of metrics) {
    onMetric?.(metric);
    if (metric === 'fid')
      measured.fid = await frechetDistance(reference.pool!, gaussianOf(samples.pool), product);
    if (metric === 'sfid')
      measured.sfid = await frechetDistance(reference.spatial!, gaussianOf(samples.spatial!), product);
    if (metric === 'is') measured.is = inceptionScore(samples.scores!);
    if (needsNeighbours(metric) && measured.precision === undefined && measured.recall === undefined) {
      const [own, other] = [samples.rows, reference.rows!];
      const coverage = await coverageOf(
        { features: other, radii: await neighbourRadii(other, arithmetic) },
        { features: own, radii: await neighbourRadii(own, arithmetic) },
        arithmetic,
      );
      const both = precisionRecall(coverage);
      for (const wanted of metrics)
        if (wanted === 'precision' || wanted === 'recall') measured[wanted] = both[wanted];
    }
    if (metric === 'kid')
      Object.assign(
        measured,
        subsets
          ? await kidOfSubsets(reference.rows!, samples.rows, subsets, product)
          : { kid: await kernelInceptionDistance(reference.rows!, samples.rows, product) },
      );
    if (metric === 'cmmd') measured.cmmd = await cmmd(reference.rows!, samples.rows, product);
  }
  return measured;
}

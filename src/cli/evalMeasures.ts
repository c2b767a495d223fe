import {
  admDistances,
  compareSets,
  type DoubleProduct,
  exactDistances,
  lackingFor,
  type Measured,
  type Metric,
  METRICS,
  type ReferenceStatistics,
  type SetStatistics,
} from '../faces/evaluation.js';
import { UsageError } from '../index.js';

/** Pictures of a random subset, as papers have it. */
export const SUBSET_SIZE = 1000;

/** How sets are to be compared. */
export interface MeasureChoices {
  /** Undefined for all that can be had. */
  readonly wanted: readonly Metric[] | undefined;
  readonly arithmetic: 'exact' | 'adm';
  /** Random subsets for kernel distances, and their pictures; undefined for one of all. */
  readonly subsets: { readonly count: number; readonly size: number; readonly seed: number } | undefined;
  readonly product: DoubleProduct;
  readonly onMetric: (metric: Metric) => void;
}

/** The measures of a list with commas. @throws UsageError naming what is no measure. */
export function wantedMetrics(list: string | undefined): readonly Metric[] | undefined {
  if (list === undefined) return undefined;
  return list.split(',').map((name) => {
    const metric = METRICS.find((own) => own === name.trim().toLowerCase());
    if (!metric) throw new UsageError(`--metrics ${name.trim()} is unknown; there are ${METRICS.join(', ')}`);
    return metric;
  });
}

/**
 * Measures samples, beside a reference where there is one.
 * @returns with the figures the measures that could not be had, each with the reason
 * @throws UsageError for a measure that is asked for by name and cannot be had, and for subsets of more than there is.
 */
export async function measureSets(
  samples: SetStatistics,
  reference: ReferenceStatistics | undefined,
  { wanted, arithmetic, subsets, product, onMetric }: MeasureChoices,
): Promise<{ readonly measured: Measured; readonly left: ReadonlyMap<Metric, string> }> {
  const left = new Map<Metric, string>();
  for (const metric of wanted ?? METRICS) {
    const lacking = lackingFor(metric, samples, reference);
    if (lacking === undefined) continue;
    if (wanted) throw new UsageError(`--metrics ${metric}: ${lacking}`);
    left.set(metric, lacking);
  }
  const rows = [samples.rows, ...(reference?.rows ? [reference.rows] : [])];
  if (subsets && rows.some(({ count }) => count < subsets.size))
    throw new UsageError(
      `--kid-subset-size ${subsets.size}: a set has fewer pictures; choose a smaller subset`,
    );
  const measured = await compareSets(samples, reference ?? {}, {
    metrics: (wanted ?? METRICS).filter((metric) => !left.has(metric)),
    product,
    arithmetic: arithmetic === 'adm' ? admDistances(product) : exactDistances(product),
    ...(subsets && { subsets }),
    onMetric,
  });
  return { measured, left };
}

/** A figure for people. Rounding alone can bring distances of equal sets below 0. */
export function shownFigure(metric: string, value: number): string {
  if (metric === 'precision' || metric === 'recall') return value.toFixed(4);
  return (metric === 'kid' ? value : Math.max(0, value)).toPrecision(6);
}

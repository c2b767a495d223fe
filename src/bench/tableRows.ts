import { formatQuantity } from '../inspect/cost.js';
import type { ReportedCombination, ReportedRound } from './report.js';
import type { Spread } from './statistics.js';

/** A number in three digits that people read at once: `0.0412`, `3.20`, `1210`. */
export function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value === 0) return '0';
  return value.toPrecision(3).includes('e') ? value.toFixed(6) : value.toPrecision(3);
}

/** `3.20 (3.10–3.30)`; of one round the number alone. */
function spreadText({ median, min, max }: Spread, isAlone: boolean): string {
  return isAlone ? threeDigits(median) : `${threeDigits(median)} (${threeDigits(min)}–${threeDigits(max)})`;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

interface Column {
  readonly heading: string;
  readonly cell: (row: ReportedCombination) => string;
  /** Left out where it is the same in all rows. */
  readonly isSetting?: boolean;
}

const ofSpread =
  (name: keyof ReportedRound, format: (spread: Spread, isAlone: boolean) => string) =>
  ({ spread, rounds }: ReportedCombination): string =>
    spread ? format(spread[name], rounds.length === 1) : '–';

const COLUMNS: readonly Column[] = [
  { heading: 'MODEL', cell: ({ model }) => model },
  { heading: 'PARAMETERS', cell: ({ parameters }) => formatQuantity(parameters), isSetting: true },
  { heading: 'TARGET', cell: ({ target }) => target, isSetting: true },
  { heading: 'PRECISION', cell: ({ precision }) => precision, isSetting: true },
  { heading: 'STEPS', cell: ({ steps }) => String(steps ?? '–') },
  { heading: 'BATCH', cell: ({ batch }) => String(batch) },
  { heading: 'IMAGES/S', cell: ofSpread('images_per_second', spreadText) },
  { heading: 'DRAWN/S', cell: ofSpread('drawn_per_second', spreadText) },
  { heading: 'FIRST S', cell: ofSpread('first_image_seconds', spreadText) },
  { heading: 'PASSES', cell: ({ plan }) => (plan ? String(plan.passes) : '–') },
  { heading: 'TOKENS/PASS', cell: ({ plan }) => (plan ? threeDigits(plan.tokens_per_pass) : '–') },
  { heading: 'WEIGHTS MB', cell: ({ plan }) => (plan ? megabytes(plan.weight_bytes) : '–') },
  { heading: 'CACHE MB', cell: ({ plan }) => (plan ? megabytes(plan.cache_bytes) : '–') },
  { heading: 'ACTIVATIONS MB', cell: ({ plan }) => (plan ? megabytes(plan.activation_bytes) : '–') },
  { heading: 'PEAK MB', cell: ofSpread('peak_memory_bytes', ({ median }) => megabytes(median)) },
  { heading: 'GFLOP/IMAGE', cell: ({ plan }) => (plan ? threeDigits(plan.flops_per_image / 1e9) : '–') },
  {
    heading: 'OF PEAK',
    cell: ofSpread('share_of_peak', ({ median }) => `${threeDigits(100 * median)} %`),
  },
];

/** Rows of a table about combinations; those without rounds end with the reason. */
export function tableOf(rows: readonly ReportedCombination[]): {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
} {
  const shown = COLUMNS.filter(
    ({ cell, isSetting = false }) => !isSetting || new Set(rows.map(cell)).size > 1,
  );
  const settings = shown.findIndex(({ heading }) => heading === 'IMAGES/S');
  return {
    headings: shown.map(({ heading }) => heading),
    rows: rows.map((row) => {
      const cells = shown.map(({ cell }) => cell(row));
      return row.reason === undefined ? cells : [...cells.slice(0, settings), `not measured: ${row.reason}`];
    }),
  };
}

import type { JSONSchemaType } from 'ajv';
import { InputError } from '../errors.js';
import { readJsonFile, validator } from '../jsonFile.js';
import type { MeasuredCombination } from './rounds.js';
import { type Spread, spreadOf } from './statistics.js';

/** What a picture takes, from the plan. */
export interface ReportedPlan {
  readonly passes: number;
  readonly tokens_per_pass: number;
  readonly flops_per_image: number;
  readonly weight_bytes: number;
  readonly cache_bytes: number;
  readonly activation_bytes: number;
}

/** A round as it was measured, and what follows from it. */
export interface ReportedRound {
  /** With decoding, and before it. */
  readonly images_per_second: number;
  readonly drawn_per_second: number;
  readonly first_image_seconds: number;
  readonly drawing_seconds: number;
  readonly decoding_seconds: number;
  readonly peak_memory_bytes: number;
  readonly peak_flops_per_second: number;
  /** Of the machine's measured peak while codes are drawn. */
  readonly share_of_peak: number;
}

/** A combination as the report has it. */
export interface ReportedCombination {
  readonly model: string;
  readonly system: string;
  readonly parameters: number;
  /** Of tokens, height and width. */
  readonly grid: readonly number[];
  readonly has_random_weights: boolean;
  readonly batch: number;
  readonly steps?: number;
  readonly guidance?: number;
  readonly target: string;
  readonly precision: string;
  readonly plan?: ReportedPlan;
  readonly rounds: readonly ReportedRound[];
  /** Of all rounds; missing where there is none. */
  readonly spread?: Readonly<Record<keyof ReportedRound, Spread>>;
  /** Why there is none. */
  readonly reason?: string;
}

export interface BenchReport {
  readonly version: 1;
  readonly machine: { readonly processor: string; readonly cores: number; readonly memory_bytes: number };
  readonly combinations: readonly ReportedCombination[];
}

const number = { type: 'number', minimum: 0 } as const;
const numbers = (names: readonly string[]) => ({
  type: 'object',
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, number])),
});

const PLAN = [
  'passes',
  'tokens_per_pass',
  'flops_per_image',
  'weight_bytes',
  'cache_bytes',
  'activation_bytes',
] as const satisfies readonly (keyof ReportedPlan)[];
const ROUND = [
  'images_per_second',
  'drawn_per_second',
  'first_image_seconds',
  'drawing_seconds',
  'decoding_seconds',
  'peak_memory_bytes',
  'peak_flops_per_second',
  'share_of_peak',
] as const satisfies readonly (keyof ReportedRound)[];
const SPREAD = ['median', 'min', 'max'] as const satisfies readonly (keyof Spread)[];

const text = { type: 'string' } as const;

/** The JSON schema of a report. */
export const REPORT_SCHEMA = {
  type: 'object',
  required: ['version', 'machine', 'combinations'],
  properties: {
    version: { const: 1, type: 'integer' },
    machine: {
      type: 'object',
      required: ['processor', 'cores', 'memory_bytes'],
      properties: { processor: text, cores: number, memory_bytes: number },
    },
    combinations: {
      type: 'array',
      items: {
        type: 'object',
        required: [
          ...['model', 'system', 'parameters', 'grid', 'has_random_weights'],
          ...['batch', 'target', 'precision', 'rounds'],
        ],
        properties: {
          model: text,
          system: text,
          parameters: number,
          grid: { type: 'array', items: number, minItems: 2, maxItems: 2 },
          has_random_weights: { type: 'boolean' },
          batch: number,
          steps: number,
          guidance: number,
          target: text,
          precision: text,
          plan: numbers(PLAN),
          rounds: { type: 'array', items: numbers(ROUND) },
          spread: {
            type: 'object',
            required: ROUND,
            properties: Object.fromEntries(ROUND.map((name) => [name, numbers(SPREAD)])),
          },
          reason: text,
        },
        additionalProperties: false,
      },
    },
  },
} as const;

const check = validator<BenchReport>(REPORT_SCHEMA as unknown as JSONSchemaType<BenchReport>);

/**
 * Reads a report that `--json` wrote.
 * @throws InputError naming the file, and the field that is wrong.
 */
export function readReport(path: string): BenchReport {
  const report = check(readJsonFile(path), path);
  if (report.combinations.length === 0) throw new InputError(`${path}: the report has no combinations`);
  return report;
}

/** A combination as reports have it. */
export function reported(combination: MeasuredCombination): ReportedCombination {
  const { model, batch, steps, guidance, target, precision, plan, reason } = combination;
  const { system, config } = model.generator;
  const { grid } = system.config.facts(config);
  const rounds = combination.rounds.map(
    (round): ReportedRound => ({
      images_per_second: batch / (round.drawing_seconds + round.decoding_seconds),
      drawn_per_second: batch / round.drawing_seconds,
      ...round,
      share_of_peak: ((plan?.flops ?? 0) * batch) / round.drawing_seconds / round.peak_flops_per_second,
    }),
  );
  return {
    model: model.name,
    system: system.name,
    parameters: model.parameters,
    grid: [grid.height, grid.width],
    has_random_weights: 'tokenizer' in model.source,
    batch,
    ...(steps !== undefined && { steps }),
    ...(guidance !== undefined && { guidance }),
    target,
    precision,
    ...(plan && {
      plan: {
        passes: plan.passes,
        tokens_per_pass: plan.tokensPerPass,
        flops_per_image: plan.flops,
        weight_bytes: plan.weightBytes,
        cache_bytes: plan.cacheBytes,
        activation_bytes: plan.activationBytes,
      },
    }),
    rounds,
    ...(rounds.length > 0 && {
      spread: Object.fromEntries(
        ROUND.map((name) => [name, spreadOf(rounds.map((round) => round[name]))]),
      ) as Record<keyof ReportedRound, Spread>,
    }),
    ...(reason !== undefined && { reason }),
  };
}

/** Whether two rows are of the same combination. */
function isSame(one: ReportedCombination, other: ReportedCombination): boolean {
  const names = ['model', 'batch', 'steps', 'target', 'precision'] as const;
  return names.every((name) => one[name] === other[name]);
}

/** Rows of several reports, the later in place of earlier ones of the same combination. */
export function mergeRows(
  earlier: readonly ReportedCombination[],
  later: readonly ReportedCombination[],
): readonly ReportedCombination[] {
  return [...earlier.filter((row) => !later.some((own) => isSame(row, own))), ...later];
}

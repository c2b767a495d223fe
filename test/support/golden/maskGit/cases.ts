import type { JSONSchemaType } from 'ajv';
import { validator } from '../../../../src/jsonFile.js';
import type { SamplingOptions } from '../../../../src/sampling/request.js';

/** A generation case with the fields of the official samplers. */
interface CaseFields {
  readonly step: number;
  readonly w: number;
  readonly class_labels: readonly number[];
  readonly sampler?: string;
  /** A word of the confidence samplers; of the Halton sampler whether orders are rolled. */
  readonly randomize?: string | boolean;
  readonly sm_temp?: number;
  readonly r_temp?: number;
  readonly sched_mode?: string;
  readonly sm_temp_min?: number;
  readonly sm_temp_max?: number;
  readonly temp_pow?: number;
  readonly temp_warmup?: number;
  readonly top_k?: number;
}

/** What the original samples with. */
interface OriginalFields {
  readonly num_iter: number;
  readonly choice_temperature: number;
  readonly mask_scheduling_method: string;
}

const optional = { type: 'number', nullable: true } as const;
const word = { type: 'string', nullable: true } as const;

const caseSchema = {
  type: 'object',
  required: ['step', 'w', 'class_labels'],
  properties: {
    step: { type: 'integer', minimum: 1 },
    w: { type: 'number', minimum: 0 },
    class_labels: { type: 'array', items: { type: 'integer' }, minItems: 1 },
    sampler: { type: 'string', enum: ['halton', 'confidence', 'v1'], nullable: true },
    randomize: { anyOf: [{ type: 'string' }, { type: 'boolean' }] },
    sm_temp: optional,
    r_temp: optional,
    sched_mode: word,
    sm_temp_min: optional,
    sm_temp_max: optional,
    temp_pow: optional,
    temp_warmup: optional,
    top_k: optional,
  },
};
const originalSchema: JSONSchemaType<OriginalFields> = {
  type: 'object',
  required: ['num_iter', 'choice_temperature', 'mask_scheduling_method'],
  properties: {
    num_iter: { type: 'integer', minimum: 1 },
    choice_temperature: { type: 'number', minimum: 0 },
    mask_scheduling_method: { type: 'string' },
  },
};
const parseFields = validator(caseSchema as unknown as JSONSchemaType<CaseFields>);
const parseOriginal = validator(originalSchema);

/** A case in the program's own settings. */
export interface MaskedCase {
  readonly steps: number;
  readonly schedule: string;
  readonly labels: readonly number[];
  readonly options: SamplingOptions & { readonly own: NonNullable<SamplingOptions['own']> };
}

const NEUTRAL = { seed: 0, noGuidance: 0, temperature: 1, topP: 1 } as const;

const CHOICE_NOISE: Readonly<Record<string, string>> = {
  linear: 'linear',
  warm_up: 'warm-up',
  random: 'random',
};

/**
 * Reads a case of Halton-MaskGIT, or of MaskGIT-pytorch 1.0.
 * @param sampler what the case samples with, where it does not say
 * @param source the json, for messages
 */
export function parseMaskedCase(value: unknown, sampler: string, source: string): MaskedCase {
  const fields = parseFields(value, `${source}: a case`);
  const { w, step: steps, class_labels: labels, randomize, r_temp = 0, sched_mode = 'arccos' } = fields;
  const common = { ...NEUTRAL, guidance: w };
  const named = fields.sampler ?? sampler;
  if (named === 'halton') {
    const own = {
      sampler: named,
      logitScaleStart: fields.sm_temp_min ?? 1,
      logitScaleEnd: fields.sm_temp_max ?? 1,
      logitScalePower: fields.temp_pow ?? 1,
      logitScaleWarmup: fields.temp_warmup ?? 0,
      roll: randomize === true,
      freeze: false,
    };
    const topK = Math.max(0, fields.top_k ?? 0);
    const options = { ...common, guidanceSchedule: 'constant' as const, topK, own };
    return { steps, schedule: 'arccos', labels, options };
  }
  const own = {
    sampler: named,
    logitScaleStart: fields.sm_temp ?? 1,
    choiceTemperature: r_temp,
    choiceNoise: CHOICE_NOISE[String(randomize)] ?? 'none',
    freeze: false,
  };
  const options = { ...common, guidanceSchedule: 'linear' as const, topK: 0, own };
  return { steps, schedule: sched_mode, labels, options };
}

/** The schedule of the original that a name means. */
export const originalSchedule = (method: string): string => (method === 'uniform' ? 'linear' : method);

/** Reads how the original samples. @param source the json, for messages */
export function parseOriginalCase(value: unknown, labels: readonly number[], source: string): MaskedCase {
  const fields = parseOriginal(value, `${source}: how the original samples`);
  return {
    steps: fields.num_iter,
    schedule: originalSchedule(fields.mask_scheduling_method),
    labels,
    options: {
      ...NEUTRAL,
      ...{ guidance: 0, guidanceSchedule: 'constant', topK: 0 },
      own: { sampler: 'original', choiceTemperature: fields.choice_temperature },
    },
  };
}

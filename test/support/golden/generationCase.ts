import type { JSONSchemaType } from 'ajv';
import { validator } from '../../../src/jsonFile.js';
import { GUIDANCE_SCHEDULES, type GuidanceSchedule, guidanceScale } from '../../../src/sampling/guidance.js';
import { SCHEDULES } from '../../../src/sampling/schedule.js';

/** A generation case with the fields of the official implementations; which of them there are depends on the system. */
interface CaseFields {
  readonly id: number;
  readonly class_labels: readonly number[];
  readonly temperature: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly sample_schedule?: string;
  readonly num_iter?: number;
  readonly num_inference_steps?: number;
  readonly guidance_scale?: number;
  readonly cfg_schedule?: GuidanceSchedule;
  readonly cfg_scale?: number;
  /** From the first to the second with the share of tokens that are known before a step. */
  readonly cfg_scales?: readonly number[];
  /** Guidance ends after so many tokens; −1 is never. */
  readonly cfg_interval?: number;
  readonly passes?: number;
  readonly tokens_per_step?: readonly number[];
  readonly positions_fed_per_step?: readonly number[];
}

const numbers = { type: 'array', items: { type: 'number' }, nullable: true } as const;
const count = { type: 'integer', minimum: 1, nullable: true } as const;

const schema: JSONSchemaType<CaseFields> = {
  type: 'object',
  required: ['id', 'class_labels'],
  properties: {
    id: { type: 'integer' },
    class_labels: { type: 'array', items: { type: 'integer' }, minItems: 1 },
    temperature: { type: 'number', default: 1 },
    // Of what is drawn at random nothing can be told.
    top_k: { type: 'integer', const: 1, default: 1 },
    top_p: { type: 'number', default: 1 },
    sample_schedule: { type: 'string', enum: SCHEDULES, nullable: true },
    num_iter: count,
    num_inference_steps: count,
    guidance_scale: { type: 'number', nullable: true },
    cfg_schedule: { type: 'string', enum: GUIDANCE_SCHEDULES, nullable: true },
    cfg_scale: { type: 'number', nullable: true },
    cfg_scales: { ...numbers, minItems: 2, maxItems: 2 },
    cfg_interval: { type: 'integer', minimum: -1, nullable: true },
    passes: count,
    tokens_per_step: numbers,
    positions_fed_per_step: numbers,
  },
};
const parse = validator(schema);

/** Guidance as the program's own settings have it. */
interface OwnGuidance {
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
}

/** The guidance of a case. */
export interface CaseGuidance {
  /** The scale of a step, from the shares of tokens that are known before and after it. */
  readonly scale: (before: number, after: number) => number;
  /** The settings that stand for it; there are none for a scale that starts elsewhere than at 1. */
  readonly own?: OwnGuidance;
}

/** A generation case. */
export interface GenerationCase
  extends Omit<CaseFields, 'num_iter' | 'num_inference_steps' | 'cfg_interval'> {
  readonly steps?: number;
  readonly interval?: number;
  readonly guidance: CaseGuidance;
}

function guidanceOf({ cfg_scales, guidance_scale, cfg_schedule, cfg_scale }: CaseFields): CaseGuidance {
  if (cfg_scales) {
    const [first, last] = cfg_scales as [number, number];
    const guidanceSchedule = first === last ? 'constant' : 'linear';
    return {
      scale: (before) => first + (last - first) * before,
      ...((first === 1 || first === last) && { own: { guidance: last, guidanceSchedule } }),
    };
  }
  const own = {
    guidance: guidance_scale ?? cfg_scale ?? 1,
    guidanceSchedule: cfg_schedule ?? 'constant',
  };
  return { scale: (_, after) => guidanceScale(own.guidance, own.guidanceSchedule, after), own };
}

/**
 * Reads a generation case.
 * @param source the json, for messages
 */
export function parseCase(value: unknown, source: string): GenerationCase {
  const { num_iter, num_inference_steps, cfg_interval = -1, ...fields } = parse(value, `${source}: a case`);
  const steps = num_iter ?? num_inference_steps;
  const interval = cfg_interval >= 0 ? { interval: cfg_interval } : {};
  return { ...fields, ...(steps !== undefined && { steps }), ...interval, guidance: guidanceOf(fields) };
}

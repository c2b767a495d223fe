import { confidenceRule } from '../sampling/maskedSteps/confidenceRule.js';
import {
  confidenceCounts,
  type Counts,
  haltonCounts,
  originalCounts,
  v1Counts,
} from '../sampling/maskedSteps/counts.js';
import { haltonRule } from '../sampling/maskedSteps/haltonRule.js';
import { CHOICE_NOISES, type ChoiceNoise } from '../sampling/maskedSteps/mostConfident.js';
import { originalRule } from '../sampling/maskedSteps/originalRule.js';
import type { ChoosingRule } from '../sampling/maskedSteps/rule.js';
import { HALTON_SCHEDULE, MASK_SCHEDULES } from '../sampling/maskedSteps/shares.js';
import { v1Rule } from '../sampling/maskedSteps/v1Rule.js';
import type { SettingValues } from '../sampling/request.js';
import { flagOfSetting, type SystemSettings } from './settings.js';
import type { ChosenSampling, SamplingChoices } from './system.js';

const SAMPLER_NAMES = ['halton', 'confidence', 'v1', 'original'] as const;
type SamplerName = (typeof SAMPLER_NAMES)[number];

const USUAL_CHOICE_TEMPERATURE = 4.5;
const USUAL_LOGIT_SCALE = 1;
/** What the Halton sampler's logits are multiplied by at the end. */
const HALTON_LOGIT_SCALE_END = 1.2;
/** Too small for any use, and more than 0. */
const SMALLEST_LOGIT_SCALE = 0.001;

/** Those without a default depend on others, or are refused where they mean nothing. */
export const MASKGIT_SETTINGS: SystemSettings = {
  sampler: {
    kind: 'choice',
    description:
      'how positions are chosen: spread evenly (halton), or the surest draws first, as in Halton-MaskGIT (confidence), its version 1 (v1) or the original (original)',
    values: SAMPLER_NAMES,
    default: 'halton',
  },
  choiceTemperature: {
    kind: 'number',
    description: `weight of the linear noise when positions are chosen by confidence; ${USUAL_CHOICE_TEMPERATURE} where it is left out`,
    min: 0,
  },
  choiceNoise: {
    kind: 'choice',
    description:
      'noise when positions are chosen by confidence: linear falls to nothing in the last step (where it is left out), random stands in for the confidence, warm-up does so in the first two steps',
    values: CHOICE_NOISES,
  },
  logitScaleStart: {
    kind: 'number',
    description: `what multiplies the logits of the first step; ${USUAL_LOGIT_SCALE} where it is left out`,
    min: SMALLEST_LOGIT_SCALE,
  },
  logitScaleEnd: {
    kind: 'number',
    description: `what multiplies the logits of the last step; where it is left out, ${HALTON_LOGIT_SCALE_END} for the sampler halton, else as in the first`,
    min: SMALLEST_LOGIT_SCALE,
  },
  logitScalePower: {
    kind: 'number',
    description: 'power to which what multiplies the logits is raised; 1 where it is left out',
    min: 0,
  },
  logitScaleWarmup: {
    kind: 'whole',
    description:
      'number of first steps in which what multiplies the logits is halved; 0 where it is left out',
    min: 0,
  },
  roll: {
    kind: 'flag',
    description: 'start the order of the sampler halton elsewhere in each picture, as where it is left out',
  },
  freeze: {
    kind: 'flag',
    description:
      'keep tokens as they were first drawn; where it is left out, only if parts of a picture are redrawn',
  },
};

/** Settings that mean something to all samplers. */
const COMMON = ['sampler', 'logitScaleStart', 'logitScaleEnd', 'logitScalePower', 'logitScaleWarmup'];

/** The settings with nothing left open. */
export interface Masking {
  readonly sampler: SamplerName;
  readonly choice: ChoiceNoise;
  readonly logitScale: Readonly<Record<'start' | 'end' | 'power' | 'warmup', number>>;
  readonly roll: boolean;
  readonly freeze: boolean;
}

/** A way to choose positions. */
interface MaskSampler {
  readonly counts: Counts;
  rule(masking: Masking): ChoosingRule;
  readonly usual: SamplingChoices;
  readonly schedules: readonly string[];
  /** Settings that mean something to it beside the common. */
  readonly settings: readonly string[];
  /** Whether it takes positions in their order. */
  readonly ordered: boolean;
}

export const MASK_SAMPLERS: Readonly<Record<SamplerName, MaskSampler>> = {
  halton: {
    counts: haltonCounts,
    rule: ({ freeze }) => haltonRule(freeze),
    usual: { steps: 32, schedule: HALTON_SCHEDULE, guidance: 2, guidanceSchedule: 'constant' },
    schedules: [HALTON_SCHEDULE],
    settings: ['roll', 'freeze'],
    ordered: true,
  },
  confidence: {
    counts: confidenceCounts,
    rule: ({ freeze, choice }) => confidenceRule(freeze, choice),
    usual: { steps: 12, schedule: 'arccos', guidance: 3, guidanceSchedule: 'linear' },
    schedules: MASK_SCHEDULES,
    settings: ['choiceTemperature', 'choiceNoise', 'freeze'],
    ordered: false,
  },
  v1: {
    counts: v1Counts,
    rule: ({ choice }) => v1Rule(choice),
    usual: { steps: 8, schedule: 'arccos', guidance: 3, guidanceSchedule: 'linear' },
    schedules: MASK_SCHEDULES,
    settings: ['choiceTemperature', 'choiceNoise'],
    ordered: false,
  },
  original: {
    counts: originalCounts,
    rule: ({ choice }) => originalRule(choice),
    usual: { steps: 12, schedule: 'cosine', guidance: 0, guidanceSchedule: 'constant' },
    schedules: MASK_SCHEDULES,
    settings: ['choiceTemperature', 'choiceNoise'],
    ordered: false,
  },
};

/**
 * Fills in what the settings leave open.
 * @param own with the default of `sampler`; values are those that the settings declare
 * @param hasGiven whether tokens of the pictures are given
 */
export function maskingOf(own: SettingValues, hasGiven: boolean): Masking {
  const sampler = own.sampler as SamplerName;
  const number = (name: string, usual: number) => (own[name] as number | undefined) ?? usual;
  const start = number('logitScaleStart', USUAL_LOGIT_SCALE);
  return {
    sampler,
    choice: {
      kind: (own.choiceNoise as ChoiceNoise['kind'] | undefined) ?? 'linear',
      temperature: number('choiceTemperature', USUAL_CHOICE_TEMPERATURE),
    },
    logitScale: {
      start,
      end: number('logitScaleEnd', sampler === 'halton' ? HALTON_LOGIT_SCALE_END : start),
      power: number('logitScalePower', 1),
      warmup: number('logitScaleWarmup', 0),
    },
    roll: (own.roll as boolean | undefined) ?? true,
    // Two samplers never change what is known.
    freeze: sampler === 'v1' || sampler === 'original' || ((own.freeze as boolean | undefined) ?? hasGiven),
  };
}

/** What the logits of a step are multiplied by: evenly from start to end, to a power, halved while warming up. */
export function logitScaleAt(
  { start, end, power, warmup }: Masking['logitScale'],
  step: number,
  steps: number,
): number {
  const progress = steps === 1 ? 0 : step / (steps - 1);
  return (start * (1 - progress) + end * progress) ** power * (step < warmup ? 0.5 : 1);
}

/** Samplers that take a setting, in words. */
const takersOf = (name: string): string =>
  SAMPLER_NAMES.filter((sampler) => MASK_SAMPLERS[sampler].settings.includes(name)).join(' or ');

/** What of the choices means nothing together; undefined where nothing. */
export function choiceFault({ schedule, own, order }: ChosenSampling): string | undefined {
  const { sampler, choice } = maskingOf(own, false);
  const { schedules, settings, ordered } = MASK_SAMPLERS[sampler];
  const foreign = Object.keys(own).find((name) => ![...COMMON, ...settings].includes(name));
  if (foreign !== undefined)
    return `${flagOfSetting(foreign)} means nothing to the sampler ${sampler}; leave it out, or use the sampler ${takersOf(foreign)}`;
  if (!schedules.includes(schedule))
    return `schedule ${schedule}: the sampler ${sampler} always follows ${schedules.join(' or ')}; leave the schedule out, or use another sampler`;
  if (order !== undefined && !ordered)
    return `the sampler ${sampler} chooses positions by what it draws; leave the order out, or use the sampler halton`;
  if (order !== undefined && own.roll !== undefined)
    return 'roll starts the own order of the sampler halton elsewhere, and another order is given; leave one of them out';
  if (own.choiceTemperature !== undefined && choice.kind !== 'linear')
    return `choice-temperature weighs linear noise, and choice-noise ${choice.kind} has none of it; leave one of them out`;
  return undefined;
}

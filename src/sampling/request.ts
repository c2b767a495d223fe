import type { Tokens } from '../codes.js';
import { type Condition, NO_CONDITION } from '../conditions/condition.js';
import type { HostTensor } from '../targets/target.js';
import type { FilterOptions } from './filter.js';
import type { GuidanceSchedule } from './guidance.js';

/** What of a picture is given. */
export interface KnownCodes {
  /** Of the whole picture, as `Codes` has them; only what is kept counts. */
  readonly tokens: Tokens;
  /** Raster positions on the finest grid. */
  readonly keep: ReadonlySet<number>;
}

/** One picture of a batch. */
export interface PictureRequest {
  readonly condition: Condition;
  /** Number of the picture under its seed; its random numbers depend on nothing else. */
  readonly index: number;
  /** Raster positions to predict, in order. */
  readonly order: readonly number[];
  /** What is given; none of its positions is in the order. */
  readonly known?: KnownCodes;
  /** Whether a part of a picture is drawn anew, with random numbers other than those of new pictures (default false). */
  readonly isRedrawn?: boolean;
}

/** Settings of a system's own, by name; what they mean and which there are, the system says. */
export type SettingValues = Readonly<Record<string, number | string | boolean>>;

/** How tokens are drawn from what the network predicts. */
export interface SamplingOptions extends FilterOptions {
  readonly seed: number;
  /** Classifier-free guidance, as the system counts it. */
  readonly guidance: number;
  /** The guidance that is none and halves the work (default 1). */
  readonly noGuidance?: number;
  readonly guidanceSchedule: GuidanceSchedule;
  /** Divides the logits; small values come close to always taking the most likely token. */
  readonly temperature: number;
  /** Settings of the system's own (default: none given). */
  readonly own?: SettingValues;
  /** Ends sampling before the next step, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is known after a step. */
export interface StepReport {
  /** From 0. */
  readonly step: number;
  readonly steps: number;
  /**
   * `[rows, queries, vocabulary]` before guidance: the pictures with their condition, then, if guided, without. Systems that
   * draw vectors have none.
   */
  readonly logits?: HostTensor;
  /** Each picture's tokens so far, −1 or NaN where unknown; they change with the next step. */
  readonly tokens: readonly Tokens[];
}

/** A row of a batch: a picture, or its double without a condition. */
export interface Row {
  readonly condition: Condition;
  /** Which of the pictures. */
  readonly picture: number;
}

/** Whether pictures have a second row without their condition. */
export function isGuided({
  guidance,
  noGuidance = 1,
}: Pick<SamplingOptions, 'guidance' | 'noGuidance'>): boolean {
  return guidance !== noGuidance;
}

/** The rows of a batch: the pictures, then, if guided, their doubles without a condition. */
export function rowsOf(pictures: readonly PictureRequest[], options: SamplingOptions): readonly Row[] {
  const own = pictures.map(({ condition }, picture) => ({ condition, picture }));
  return isGuided(options) ? [...own, ...own.map((row) => ({ ...row, condition: NO_CONDITION }))] : own;
}

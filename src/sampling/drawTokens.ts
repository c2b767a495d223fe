import { UsageError } from '../errors.js';
import { tokenWords } from '../random/draws.js';
import { requireFinite } from '../targets/finite.js';
import type { HostTensor } from '../targets/target.js';
import { drawScratch } from './drawScratch.js';
import { filterLogits } from './filter.js';
import { CONDITION_ALONE, guideInto } from './guidance.js';
import { pickToken } from './pickToken.js';
import { isGuided, type PictureRequest, type SamplingOptions } from './request.js';

const MIN_TEMPERATURE = 1e-5;

/** Logits of one query of one row: `[vocabulary]`. */
export function rowOf({ shape, data }: HostTensor, row: number, query: number): Float32Array {
  const [, queries, vocabulary] = shape as [number, number, number];
  const start = (row * queries + query) * vocabulary;
  return (data as Float32Array).subarray(start, start + vocabulary);
}

/** Writes the logits divided by the temperature. @returns their sum, as `guideInto` */
function divideInto(logits: Float32Array, temperature: number, into: Float32Array): number {
  let sum = 0;
  for (let token = 0; token < into.length; token++) {
    const tempered = Math.fround(logits[token]! / temperature);
    into[token] = tempered;
    sum += tempered;
  }
  return sum;
}

/**
 * The logits that a token is drawn from: guided where there are two rows, and divided by the temperature.
 * @param rows `[vocabulary]` each: with the condition, and without
 * @param into `[vocabulary]`, where they are written
 * @throws InputError naming the step when the network gives no finite numbers, UsageError when the settings make them
 *   overflow.
 */
export function temperedLogits(
  [conditional, unconditional]: readonly Float32Array[],
  scale: number,
  { guidance, temperature }: SamplingOptions,
  step: string,
  into: Float32Array,
): Float32Array {
  const divisor = Math.max(temperature, MIN_TEMPERATURE);
  const isGuidedHere = unconditional !== undefined && scale !== CONDITION_ALONE;
  const sum = isGuidedHere
    ? guideInto(conditional!, unconditional, scale, into, divisor)
    : divideInto(conditional!, divisor, into);
  if (Number.isFinite(sum)) return into;
  for (const row of [conditional!, ...(unconditional ? [unconditional] : [])])
    requireFinite(row, `${step}: the logits`);
  throw new UsageError(
    `${step}: guidance ${guidance} at temperature ${temperature} makes the logits overflow; lower the guidance or raise the temperature`,
  );
}

/**
 * Draws the tokens of one step.
 * @param logits `[rows, queries, vocabulary]`; the rows are those of `rowsOf`
 * @param positions for each picture, the raster positions that the queries stand for, in order
 * @param scale of the guidance in this step
 * @param tokens of each picture, in raster order; the drawn ones are written into them
 * @param step its name, for messages
 * @throws InputError when the network gives no finite numbers, UsageError when the settings make them overflow.
 */
export function drawTokens(
  logits: HostTensor,
  pictures: readonly PictureRequest[],
  positions: readonly (readonly number[])[],
  scale: number,
  tokens: readonly Int32Array[],
  options: SamplingOptions,
  step: string,
): void {
  const { tempered, filter, race } = drawScratch(logits.shape[2]!);
  for (const [picture, { index, isRedrawn = false }] of pictures.entries()) {
    const purpose = isRedrawn ? 'redrawnToken' : 'token';
    for (const [query, position] of positions[picture]!.entries()) {
      const own = rowOf(logits, picture, query);
      const pair = isGuided(options) ? [own, rowOf(logits, picture + pictures.length, query)] : [own];
      temperedLogits(pair, scale, options, step, tempered);
      tokens[picture]![position] = pickToken(
        filterLogits(tempered, options, filter),
        tokenWords(options.seed, index, position, purpose),
        race,
      );
    }
  }
}

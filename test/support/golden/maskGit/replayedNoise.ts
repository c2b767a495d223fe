import { guide } from '../guide.js';
import { RUN_WORDS } from '../../../../src/random/philoxRun.js';
import type { StepNoise } from '../../../../src/sampling/maskedSteps/noise.js';
import type { HostTensor } from '../../../../src/targets/target.js';

const WORD_RANGE = 2 ** 32;

/** The word of which a race makes an exponential number, as near as words come. */
export function wordOf(exponential: number): number {
  const word = Math.round(Math.exp(-exponential) * WORD_RANGE - 0.5);
  return Math.min(WORD_RANGE - 1, Math.max(0, word));
}

/** Stored noise of a picture. */
export interface StoredNoise {
  /** Exponential numbers of a step and raster position, one for each code, or for each rank where few are kept. */
  readonly exponentials: (step: number, position: number) => ArrayLike<number>;
  /** Which code each rank is, the likeliest first, where the exponential numbers go by ranks. */
  readonly ranking?: (step: number, position: number) => readonly number[];
  readonly gumbel: (step: number, position: number) => number;
  readonly uniform: (step: number, position: number) => number;
}

/** Noise that gives stored numbers in place of drawn ones. */
export function replayedNoise({ exponentials, ranking, gumbel, uniform }: StoredNoise): StepNoise {
  return {
    gumbel,
    uniform,
    race: (step, position) => {
      const own = exponentials(step, position);
      const ranks = ranking && new Map(ranking(step, position).map((code, rank) => [code, rank]));
      // Codes that are not kept never race.
      const word = (code: number) => wordOf(own[ranks ? ranks.get(code)! : code] ?? 0);
      return (first) => Uint32Array.from({ length: RUN_WORDS }, (_, code) => word(first + code));
    },
  };
}

/** The codes of a position of a picture, the likeliest first, from logits before guidance. */
export function rankingAt(
  { shape, data }: HostTensor,
  { picture, pictures, position }: Readonly<Record<'picture' | 'pictures' | 'position', number>>,
  scale: number,
): readonly number[] {
  const [rows, positions, width] = shape as [number, number, number];
  const at = (row: number) => {
    const start = (row * positions + position) * width;
    return (data as Float32Array).subarray(start, start + width);
  };
  const guided = rows > pictures ? guide(at(picture), at(picture + pictures), scale) : at(picture);
  return Array.from(guided.keys()).sort((a, b) => guided[b]! - guided[a]!);
}

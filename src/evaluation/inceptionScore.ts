/** Consecutive pictures that the score is computed of together. */
export const SCORE_CHUNK = 5000;

/** Probabilities of classes, a row for each picture. */
export interface Probabilities {
  readonly count: number;
  readonly classes: number;
  /** `[count, classes]` */
  readonly values: Float32Array;
}

/** What a chunk of pictures adds to the score; parts of a chunk are merged without loss. */
export interface ChunkSums {
  readonly count: number;
  /** `[classes]` Σ p */
  readonly sums: Float64Array;
  /** Σ p·ln p over pictures and classes; a probability of 0 adds nothing. */
  readonly negentropy: number;
}

/** Sums by the number of the chunk, of pictures numbered over the whole set. */
export type ScoreSums = ReadonlyMap<number, ChunkSums>;

function mergeChunks(one: ChunkSums | undefined, other: ChunkSums): ChunkSums {
  if (!one) return other;
  return {
    count: one.count + other.count,
    sums: one.sums.map((sum, kind) => sum + other.sums[kind]!),
    negentropy: one.negentropy + other.negentropy,
  };
}

/** The sums of two parts of a set together. */
export function mergeScores(one: ScoreSums, other: ScoreSums): ScoreSums {
  const merged = new Map(one);
  for (const [chunk, sums] of other) merged.set(chunk, mergeChunks(merged.get(chunk), sums));
  return merged;
}

/**
 * The sums of pictures that follow one another.
 * @param first number of the first picture in the whole set
 */
export function scoreSumsOf(
  { count, classes, values }: Probabilities,
  first = 0,
  chunk: number = SCORE_CHUNK,
): ScoreSums {
  const found = new Map<number, { count: number; sums: Float64Array; negentropy: number }>();
  for (let row = 0; row < count; row++) {
    const number = Math.floor((first + row) / chunk);
    const own = found.get(number) ?? { count: 0, sums: new Float64Array(classes), negentropy: 0 };
    found.set(number, own);
    own.count += 1;
    for (let kind = 0; kind < classes; kind++) {
      const value = values[row * classes + kind]!;
      own.sums[kind]! += value;
      if (value > 0) own.negentropy += value * Math.log(value);
    }
  }
  return found;
}

/** The Inception Score (Salimans et al., 2016): the mean over the chunks, a short last one counting fully. */
export function inceptionScore(scores: ScoreSums): number {
  let sum = 0;
  for (const { count, sums, negentropy } of scores.values()) {
    const average = sums.reduce((total, own) => {
      const share = own / count;
      return share > 0 ? total + share * Math.log(share) : total;
    }, 0);
    sum += Math.exp(negentropy / count - average);
  }
  return sum / scores.size;
}

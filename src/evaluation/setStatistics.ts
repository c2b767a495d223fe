import type { RgbImage } from '../data/image.js';
import type { DoubleProduct } from '../targets/onnx/doubleProduct.js';
import { type FeatureNetwork, joinFeatures } from './featureNetwork.js';
import { mergeScores, type ScoreSums, scoreSumsOf } from './inceptionScore.js';
import { type Features, mergeMoments, type Moments, momentsOf } from './moments.js';

/** What is kept of a set of pictures, or of a part of one; parts are merged without loss. */
export interface SetStatistics {
  /** The network's name and digest. */
  readonly network: string;
  readonly digest: string;
  readonly pool: Moments;
  readonly spatial?: Moments;
  readonly scores?: ScoreSums;
  /** The features themselves, in the pictures' order; measures of neighbours and kernels need them. */
  readonly rows: Features;
}

/** Pictures that the network sees at once. */
const BATCH = 16;
/** Rows whose products are summed at once: a product of many costs less than many of few. */
const BLOCK = 1024;

export interface GatherOptions {
  /** Number of the first picture in the whole set (default 0). */
  readonly first?: number;
  /** Hears how many pictures are done; may throw to end the work. */
  readonly onProgress?: (done: number) => void;
}

/** The statistics of two parts of a set together, the earlier part first. */
export function mergeStatistics(one: SetStatistics, other: SetStatistics): SetStatistics {
  return {
    ...one,
    pool: mergeMoments(one.pool, other.pool),
    ...(one.spatial && other.spatial && { spatial: mergeMoments(one.spatial, other.spatial) }),
    ...(one.scores && other.scores && { scores: mergeScores(one.scores, other.scores) }),
    rows: joinFeatures([one.rows, other.rows]),
  };
}

/** Rows that are waiting to be summed together. */
class WaitingRows {
  private parts: Features[] = [];
  private moments: Moments | undefined;
  private readonly product: DoubleProduct;

  constructor(product: DoubleProduct) {
    this.product = product;
  }

  async add(rows: Features): Promise<void> {
    this.parts.push(rows);
    if (this.parts.reduce((sum, { count }) => sum + count, 0) >= BLOCK) await this.sum();
  }

  /** Of all rows. */
  async sum(): Promise<Moments | undefined> {
    if (this.parts.length === 0) return this.moments;
    const own = await momentsOf(joinFeatures(this.parts), this.product);
    this.parts = [];
    this.moments = this.moments ? mergeMoments(this.moments, own) : own;
    return this.moments;
  }
}

/** Pictures in batches, the last of which may be smaller. */
async function* inBatches(images: AsyncIterable<RgbImage>): AsyncGenerator<readonly RgbImage[]> {
  let batch: RgbImage[] = [];
  for await (const image of images) {
    batch.push(image);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * The statistics of pictures as they come, a few in memory at a time; undefined where there are none.
 * @throws InputError for features that are not finite.
 */
export async function gatherStatistics(
  images: AsyncIterable<RgbImage>,
  network: FeatureNetwork,
  product: DoubleProduct,
  { first = 0, onProgress }: GatherOptions = {},
): Promise<SetStatistics | undefined> {
  const rows: Features[] = [];
  const waiting = { pool: new WaitingRows(product), spatial: new WaitingRows(product) };
  let [done, scores]: [number, ScoreSums] = [0, new Map()];
  for await (const batch of inBatches(images)) {
    const { pool, spatial, probabilities } = await network.extract(batch);
    rows.push(pool);
    await waiting.pool.add(pool);
    if (spatial) await waiting.spatial.add(spatial);
    if (probabilities) scores = mergeScores(scores, scoreSumsOf(probabilities, first + done));
    done += batch.length;
    onProgress?.(done);
  }
  const [pool, spatial] = [await waiting.pool.sum(), await waiting.spatial.sum()];
  if (!pool) return undefined;
  return {
    network: network.name,
    digest: network.digest,
    pool,
    ...(spatial && { spatial }),
    ...(scores.size > 0 && { scores }),
    rows: joinFeatures(rows),
  };
}

import {
  type DoubleProduct,
  encodeNpzDoubles,
  type FeatureNetwork,
  gatherStatistics,
  gaussianOf,
  type PictureSet,
  readPictures,
  type ReferenceStatistics,
  requireNetwork,
  type SetStatistics,
} from '../faces/evaluation.js';
import { InputError, type Shard, shardRange, WHOLE } from '../index.js';
import { startProgress } from './progress.js';

/** The statistics of a set's pictures, or of a part of them. */
export async function gatherFrom(
  { path, pictures }: PictureSet,
  network: FeatureNetwork,
  product: DoubleProduct,
  { shard = WHOLE, isQuiet }: { readonly shard?: Shard; readonly isQuiet: boolean },
): Promise<SetStatistics> {
  if (!pictures) throw new InputError(`${path}: it holds statistics alone, and no pictures to measure`);
  const { start, end } = shardRange(pictures.count, shard);
  const bar = startProgress('evaluating', end - start, 'pictures', !isQuiet);
  try {
    const gathered = await gatherStatistics(readPictures(pictures, { start, end }), network, product, {
      first: start,
      onProgress: (done) => bar.update(done),
    });
    if (!gathered)
      throw new InputError(
        `${path}: part ${shard.index} of ${shard.count} has none of its ${pictures.count} pictures`,
      );
    return gathered;
  } finally {
    bar.stop();
  }
}

/** What a set is compared with: its stored statistics come before those of its pictures. */
export async function referenceOf(
  set: PictureSet,
  network: () => Promise<FeatureNetwork>,
  product: DoubleProduct,
  { name, width, isQuiet }: { readonly name: string; readonly width: number; readonly isQuiet: boolean },
): Promise<ReferenceStatistics> {
  requireNetwork(set, { name }, width);
  if (!set.pictures) return set.gaussians;
  const gathered = await gatherFrom(set, await network(), product, { isQuiet });
  return { ...referenceFrom(gathered), ...set.gaussians };
}

/** What pictures are compared with, of statistics that were gathered. */
export function referenceFrom({ pool, spatial, rows }: SetStatistics): ReferenceStatistics {
  const enough = pool.count > 1;
  return {
    ...(enough && { pool: gaussianOf(pool) }),
    ...(enough && spatial && { spatial: gaussianOf(spatial) }),
    rows,
  };
}

/**
 * Statistics in the layout of the ADM evaluator and of pytorch-fid: `mu` and `sigma`, and `mu_s` and `sigma_s` where there
 * are spatial features.
 * @throws InputError for fewer than two pictures.
 */
export async function encodeStatistics({ pool, spatial }: SetStatistics): Promise<Uint8Array> {
  if (pool.count < 2) throw new InputError('the statistics of one picture are none: two are needed at least');
  const arrays = ({ mean, covariance }: ReturnType<typeof gaussianOf>, suffix: string) => ({
    [`mu${suffix}`]: { shape: [mean.length], data: mean },
    [`sigma${suffix}`]: { shape: [mean.length, mean.length], data: covariance },
  });
  const pieces: Uint8Array[] = [];
  const all = {
    ...arrays(gaussianOf(pool), ''),
    ...(spatial && arrays(gaussianOf(spatial), '_s')),
  };
  for await (const piece of encodeNpzDoubles(all)) pieces.push(piece);
  return Buffer.concat(pieces);
}

import {
  type DoubleProduct,
  encodeNpzDoubles,
  type FeatureNetwork,
  gatherStatistics,
  gaussianOf,
  type PictureSet,
  openPictureSet,
  readPart,
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

/** Measures what samples are compared with. @throws InputError where it is of another network than they. */
export type OpenedReference = (samples: SetStatistics) => Promise<ReferenceStatistics>;

/** What opened references are measured with. */
export interface ReferenceHost {
  /** Asked for where there are pictures to measure. */
  readonly network: () => Promise<FeatureNetwork>;
  readonly product: DoubleProduct;
  readonly isQuiet: boolean;
  readonly onNote: (note: string) => void;
}

/**
 * Opens what samples are compared with, before they are measured: pictures, statistics, or the file of a part that is all.
 * @throws InputError naming what cannot be opened.
 */
export async function openReference(path: string, host: ReferenceHost): Promise<OpenedReference> {
  if (isPart(path)) {
    const { statistics, shard } = readPart(path);
    if (shard.count > 1)
      throw new InputError(`${path}: part ${shard.index} of ${shard.count}, and no whole set`);
    return async (samples) => {
      requireSameNetwork(path, statistics.digest, samples);
      return referenceFrom(statistics);
    };
  }
  const set = await openPictureSet(path);
  for (const note of set.notes) host.onNote(note);
  return (samples) => referenceOf(set, samples, host);
}

/** Whether a path names a file of `--shard`. */
export function isPart(path: string): boolean {
  return /\.safetensors$/i.test(path);
}

function requireSameNetwork(path: string, digest: string, samples: SetStatistics): void {
  if (digest !== samples.digest)
    throw new InputError(
      `${path}: its features are of another network than the samples' (${samples.network}); name theirs with --features`,
    );
}

/** What a set is compared with: its stored statistics come before those of its pictures. */
async function referenceOf(
  set: PictureSet,
  samples: SetStatistics,
  { network, product, isQuiet }: ReferenceHost,
): Promise<ReferenceStatistics> {
  requireNetwork(set, { name: samples.network }, samples.pool.mean.length);
  if (!set.pictures) return set.gaussians;
  const own = await network();
  requireSameNetwork(set.path, own.digest, samples);
  const gathered = await gatherFrom(set, own, product, { isQuiet });
  return { ...referenceFrom(gathered), ...set.gaussians };
}

/** What pictures are compared with, of statistics that were gathered. */
function referenceFrom({ pool, spatial, rows }: SetStatistics): ReferenceStatistics {
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

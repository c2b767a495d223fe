import { fingerprint, STRAY_NAMES } from '../data/fingerprint.js';
import type { RgbImage } from '../data/image.js';
import { openPictures } from '../data/imageSource.js';
import { type NpzFile, openNpz } from '../data/npzFile.js';
import type { PictureList } from '../data/pictureList.js';
import { InputError } from '../errors.js';
import type { FeatureNetwork } from './featureNetwork.js';
import type { Gaussian } from './moments.js';

/** Where the ADM evaluator looks for pictures. */
const PICTURES = 'arr_0';
/** Mean and covariance of features, and of spatial ones, as the ADM evaluator and pytorch-fid call them. */
const GAUSSIANS = { pool: ['mu', 'sigma'], spatial: ['mu_s', 'sigma_s'] } as const;

/** What a path holds: pictures, statistics of some, or both. */
export interface PictureSet {
  readonly path: string;
  /** Undefined where there are statistics alone. */
  readonly pictures?: PictureList;
  readonly gaussians: { readonly pool?: Gaussian; readonly spatial?: Gaussian };
  readonly notes: readonly string[];
}

/** The pictures of an archive: those of `arr_0`, or of the only array. */
function picturesIn(file: NpzFile, hasStatistics: boolean): PictureList | undefined {
  if (file.names.includes(PICTURES)) return file.pictures(PICTURES);
  if (hasStatistics) return undefined;
  const [only, ...others] = file.names;
  if (only === undefined || others.length > 0)
    throw new InputError(
      `${file.path}: which are the pictures? It has no array '${PICTURES}', but ${file.names.join(', ') || 'none'}`,
    );
  return file.pictures(only);
}

function gaussianIn(file: NpzFile, [mu, sigma]: readonly [string, string]): Gaussian | undefined {
  if (!file.names.includes(mu)) return undefined;
  const { shape, data: mean } = file.floats(mu);
  const { shape: square, data: covariance } = file.floats(sigma);
  if (shape.length !== 1 || square.length !== 2 || square.some((size) => size !== mean.length))
    throw new InputError(
      `${file.path}: '${mu}' and '${sigma}' are no mean and covariance of the same features`,
    );
  return { mean, covariance };
}

/**
 * Opens a folder of pictures, or an archive of NumPy's with pictures, statistics or both.
 * @throws InputError naming what is wrong.
 */
export async function openPictureSet(path: string): Promise<PictureSet> {
  if (!/\.npz$/i.test(path)) {
    const pictures = await openPictures(path);
    return { path, pictures, gaussians: {}, notes: pictures.notes };
  }
  const file = await openNpz(path);
  const [pool, spatial] = [gaussianIn(file, GAUSSIANS.pool), gaussianIn(file, GAUSSIANS.spatial)];
  const pictures = picturesIn(file, pool !== undefined);
  return {
    path,
    ...(pictures && { pictures }),
    gaussians: { ...(pool && { pool }), ...(spatial && { spatial }) },
    notes:
      pool && pictures
        ? [`${path}: its statistics are taken as they are; its ${pictures.count} pictures count for the rest`]
        : [],
  };
}

/** @throws InputError where statistics are of another network's features. */
export function requireNetwork(
  { path, gaussians: { pool } }: PictureSet,
  { name }: Pick<FeatureNetwork, 'name'>,
  width: number,
): void {
  if (pool && pool.mean.length !== width)
    throw new InputError(
      `${path}: its statistics are of ${pool.mean.length} features, and the network '${name}' has ${width}; name theirs with --features`,
    );
}

/** Files that an evaluation writes, perhaps beside the pictures. */
const WRITTEN = /\.(safetensors|npz)$/i;

/** What tells the pictures of a folder or an archive from others, wherever they lie. @throws InputError naming the path. */
export function setFingerprint({ path }: PictureSet): string {
  return fingerprint(path, (name) => !STRAY_NAMES.test(name) && !WRITTEN.test(name));
}

/** Pictures one after the other. @throws InputError naming one that cannot be read. */
export async function* readPictures(
  { read }: PictureList,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<RgbImage> {
  for (let index = start; index < end; index++) yield read(index);
}

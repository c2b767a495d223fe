import { inceptionV3 } from '../../graphs/inceptionV3.js';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { InputError } from '../errors.js';
import type { Weights } from '../graph/weights.js';
import { requireFinite } from '../models/finiteWeights.js';
import { matchParameters } from '../models/matchParameters.js';

/** What published files carry and the features do without: counters of the training, and the last layer's bias. */
const IGNORED = [/(^|\.)num_batches_tracked$/, /^fc\.bias$/];
/** Any size has the same parameters. */
const SIDE = 299;

/**
 * Reads the weights of Inception v3, as pytorch-fid publishes them (`pt_inception-2015-12-05-6726825d.pth`).
 * @throws InputError naming the file when it holds something else.
 */
export async function openInception(path: string): Promise<Weights> {
  const { dictionaries } = await openCheckpoint(path);
  const [dictionary] = dictionaries.values();
  if (!dictionary) throw new InputError(`${path}: it holds no tensors`);
  const weights = matchParameters([inceptionV3(SIDE, SIDE)], dictionary, path, { ignored: IGNORED });
  requireFinite(weights, path, 'it is damaged: fetch it again');
  return weights;
}

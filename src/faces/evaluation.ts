/**
 * Evaluation as a library: `import { gatherStatistics, compareSets } from 'arpg/evaluation'`.
 * @module arpg/evaluation
 */

export {
  type CompareOptions,
  compareSets,
  lackingFor,
  type Measured,
  type Metric,
  METRICS,
  type ReferenceStatistics,
} from '../evaluation/compareSets.js';
export { admDistances, type DistanceArithmetic, exactDistances } from '../evaluation/distances.js';
export type { FeatureNetwork, FoundFeatures } from '../evaluation/featureNetwork.js';
export { frechetDistance } from '../evaluation/frechetDistance.js';
export { inceptionNetwork, smallNetwork } from '../evaluation/graphNetwork.js';
export { inceptionScore, SCORE_CHUNK, type ScoreSums, scoreSumsOf } from '../evaluation/inceptionScore.js';
export { cmmd, kernelInceptionDistance } from '../evaluation/kernelDistance.js';
export { mergeParts } from '../evaluation/mergeParts.js';
export {
  type Features,
  type Gaussian,
  gaussianOf,
  mergeMoments,
  type Moments,
  momentsOf,
} from '../evaluation/moments.js';
export { onnxNetwork } from '../evaluation/onnxNetwork.js';
export {
  openPictureSet,
  type PictureSet,
  readPictures,
  requireNetwork,
  setFingerprint,
} from '../evaluation/pictureSet.js';
export { coverageOf, neighbourRadii, precisionRecall } from '../evaluation/precisionRecall.js';
export { gatherStatistics, mergeStatistics, type SetStatistics } from '../evaluation/setStatistics.js';
export { encodePart, type PartStatistics, readPart } from '../evaluation/statisticsFile.js';
export { encodeNpzDoubles } from '../data/npzFile.js';
export { type DoubleProduct, doubleProduct } from '../targets/onnx/doubleProduct.js';

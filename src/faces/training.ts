/**
 * Training as a library: `import { trainGenerator, trainTokenizer } from 'arpg/training'`.
 *
 * Each does with one call what its command does: it makes a run or continues one, trains, and writes a model folder.
 * Below them lies the loop, which trains any graph with a loss.
 * @module arpg/training
 */

// Whole trainings
export { trainGenerator } from '../training/trainGenerator.js';
export { trainTokenizer } from '../training/trainTokenizer.js';
export {
  GENERATOR_DEFAULTS,
  type GeneratorRequest,
  type RunProgress,
  TOKENIZER_DEFAULTS,
  type TokenizerRequest,
  type TrainedRun,
  TRAINING_DEFAULTS,
  type TrainingHost,
  type TrainingRequest,
} from '../training/request.js';
export { MAX_BATCH, MAX_STEPS } from '../training/runSettings.js';

// Ranks that train one run together
export { joinPeers } from '../cluster/joinPeers.js';
export { PeerFailure, type Peers } from '../cluster/peers.js';
export type { LostRank } from '../cluster/watch.js';

// The loop, for graphs of one's own
export {
  type Batch,
  train,
  type TrainingProgress,
  type TrainingResult,
  type TrainingSettings,
} from '../training/trainingLoop.js';
export {
  ADAMW_DEFAULTS,
  type AdamWOptions,
  type StepOptions,
  trainingStep,
} from '../training/trainingStep.js';
export { frozenParameters } from '../training/frozenParameters.js';
export { type LearningRateSchedule, learningRateAt } from '../training/learningRate.js';
export { encodeSource, type EncodedSource, generatorTraining } from '../training/generatorRun.js';
export { tokenizerTraining } from '../training/tokenizerRun.js';
export { generatorStart, type StartingWeights, tokenizerStart } from '../training/fineTune.js';
export { TOKENIZERS } from '../tokenizers/registry.js';
export type { OwnTrainingSetting, TokenizerKind } from '../tokenizers/tokenizerKind.js';
export { readFeatureNetwork } from '../targets/onnx/featureNetwork.js';

// Runs
export {
  type Checkpoint,
  createRun,
  readBestCheckpoint,
  readCheckpoint,
  reopenRun,
} from '../training/runFolder.js';
export { readLog } from '../training/runLog.js';
export { lossCurvePng } from '../training/lossCurve.js';
export { reconstructionGrid, sampleGrid } from '../training/preview.js';
export { trainedWeights, type WeightsPart, weightsPartsOf } from '../training/trainingState.js';

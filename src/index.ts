/**
 * arpg as a library: `import { load, sample, inpaint } from 'arpg'`.
 *
 * `load` opens a model; `sample` draws pictures of classes, `inpaint` draws the masked part of a picture anew. All that
 * the commands do is done through what this file names.
 * @module
 */

// Models
export {
  DEFAULT_MODEL,
  load,
  type LoadOptions,
  type Model,
  modelFolder,
  requireMatchingParts,
} from './library/model.js';
export {
  type GeneratorModel,
  openGenerator,
  openTokenizer,
  type TokenizerModel,
  writeModelFolder,
} from './models/modelFolder.js';
export { importGenerator, importTokenizer } from './models/importCheckpoint.js';
export type { SamplingDefaults } from './models/modelConfig.js';
export { findClasses, type Labels } from './conditions/labels.js';
export {
  ARPG_PRESETS,
  arpgConfig,
  type OfficialArpgConfig,
  parseOfficialArpgConfig,
} from './systems/arpgConfig.js';
export { type OfficialVqConfig, parseOfficialVqConfig, VQ_PRESETS, vqConfig } from './tokenizers/vqConfig.js';
export { byteLength, type StoredTensor, type Weights } from './graph/weights.js';

// Drawing
export {
  pictureGrid,
  type SampledPicture,
  type SampledSet,
  type SampledTokens,
  type SampledTokenSet,
  sample,
  type SampleOptions,
  sampleTokens,
} from './library/sample.js';
export {
  inpaint,
  type InpaintOptions,
  type InpaintResult,
  outpaintCanvas,
  type Sides,
  variationMask,
} from './library/inpaint.js';
export { DEFAULT_GUIDANCE, DEFAULT_STEPS, resolveSeed, type SamplingSettings } from './library/settings.js';
export { type Canvas, DRAWN_FROM, featherMask } from './editing/canvas.js';
export { hasTransparency, MASK_RULE, maskOf, type ReadMask, transparencyMask } from './editing/mask.js';
export { drawSeed } from './random/draws.js';
export { GUIDANCE_SCHEDULES, type GuidanceSchedule } from './sampling/guidance.js';
export { SCHEDULES, type Schedule } from './sampling/schedule.js';
export { readOrder } from './sampling/orderFile.js';
export { type Grid, ROPE_SCALINGS, type RopeScaling } from '../graphs/rotary.js';

// Images and tokens
export {
  CROPS,
  type Crop,
  cropForTokens,
  decodeImage,
  decodeMask,
  decodeRgba,
  DEFAULT_QUALITY,
  encodePicture,
  encodePng,
  encodePngWithAlpha,
  flattenOnWhite,
  flipImage,
  gridOfImages,
  type MaskPicture,
  PICTURE_ENCODINGS,
  type PictureEncoding,
  requireEncodable,
  type RgbaImage,
  type RgbImage,
} from './data/image.js';
export { splitPictures, type TrailingBytes } from './data/imageStream.js';
export { MAX_PIXELS } from './data/pictureLimits.js';
export { ANIMATION_FORMATS, encodeAnimation } from './data/animation.js';
export { encodeNpz } from './data/npz.js';
export { MAX_INPUT_BYTES, readBounded, refuseSize } from './data/boundedFile.js';
export { openPictures } from './data/imageSource.js';
export { type PictureList, UNLABELLED } from './data/pictureList.js';
export { decodeText } from './files/text.js';
export {
  formatTokenLine,
  gridOfLine,
  parseTokenLines,
  type TokenGrid,
  type TokenLine,
} from './data/tokenLines.js';
export { createTokenizer, type TokenImage, type Tokenizer } from './tokenizers/tokenizer.js';
export { decodePartial } from './tokenizers/partialImage.js';

// Export
export {
  DEFAULT_PAGE_STEPS,
  exportGpujs,
  type GpujsExport,
  exportOnnx,
  type OnnxExport,
  exportOnnxFolder,
  exportPytorch,
  exportSafetensors,
  MODEL_PARTS,
  type ModelPart,
  ONNX_GRAPHS,
  type OnnxGraph,
} from './library/exportModel.js';
export { requireForeignOutput } from './library/ownFiles.js';
export { PAGE_MODES, type PageMode } from './export/browser/moduleData.js';
export { PRECISIONS, type Precision } from './export/exportOnnx.js';

// Fetching
export { DEFAULT_HUB, DEFAULT_TIMEOUT_SECONDS, pull, type Pulled, type PullOptions } from './library/pull.js';

// Graphs, targets and kernels
export {
  defaultSizes,
  GRAPH_FORMATS,
  type GraphFormat,
  renderGraph,
  GRAPH_NAMES,
  type GraphName,
  modelGraph,
  type NamedGraph,
} from './library/graphs.js';
export { arpgStep, arpgTeacherForced } from '../graphs/arpg.js';
export { downsampleFactor, vqDecoder, vqEncoder } from '../graphs/vqTokenizer.js';
export { compileGraph, PASS_NAMES } from './compiler/compile.js';
export type { DimBindings } from './graph/dimension.js';
export type { DrawOptions } from './inspect/boxes.js';
export { drawDot, drawSvg, drawTable } from './inspect/draw.js';
export type { Graph } from './graph/graph.js';
export { printGraph } from './inspect/print.js';
export { graphDump } from './inspect/graphDump.js';
export { observe, type Observer, type PassListener, type Span } from './inspect/observer.js';
export { TraceRecorder } from './inspect/trace.js';
export { verifyPasses } from './inspect/verifyPasses.js';
export { graphToJson } from './graph/serialize.js';
export { GPU_MODES, type GpuMode } from './targets/gpujs/gpuModes.js';
export { compileForKernels, hasGpuForm, MODE_LIMITS } from './targets/gpujs/gpujsTarget.js';
export { lowerToKernels } from './targets/gpujs/lowerToKernels.js';
export { printKernelPlan } from './targets/gpujs/printKernelPlan.js';
export { checkedTarget } from './targets/checkedTarget.js';
export { inspectTargets } from './targets/inspectTargets.js';
export { hasOnnxForm } from './targets/onnx/onnxTarget.js';
export { resolveTarget, TARGET_NAMES } from './targets/resolveTarget.js';
export type { Target } from './targets/target.js';

// Training
export { emptyClassesNote } from './data/classLabels.js';
export { type ImageSource, openImageSource } from './data/imageSource.js';
export { type OpenedTokens, openTokenSet, requireCodes, type TokenSet } from './data/tokenSource.js';
export {
  encodeSource,
  generatorTraining,
  requireSquareGrid,
  requireTokensOf,
} from './training/generatorRun.js';
export {
  generatorStart,
  type NewGenerator,
  type StartingWeights,
  tokenizerStart,
} from './training/fineTune.js';
export { lossCurvePng } from './training/lossCurve.js';
export { reconstructionGrid, sampleGrid } from './training/preview.js';
export {
  createRun,
  readBestCheckpoint,
  readCheckpoint,
  readRunSettings,
  reopenRun,
  writeRunSettings,
} from './training/runFolder.js';
export { readLog } from './training/runLog.js';
export {
  PATH_SETTING_NAMES,
  type PathSetting,
  relocatePaths,
  type RunPaths,
  withResolvedPaths,
} from './training/runPaths.js';
export { hasTokenCache, readTokenCache, writeTokenCache } from './training/tokenCache.js';
export { tokenizerTraining } from './training/tokenizerRun.js';
export { train, type TrainingResult, type TrainingSettings } from './training/trainingLoop.js';
export { trainedWeights, type WeightsPart, weightsPartsOf } from './training/trainingState.js';
export { ADAMW_DEFAULTS, type AdamWOptions } from './training/trainingStep.js';
export { readFeatureNetwork } from './targets/onnx/featureNetwork.js';
export { createSampler, type Sampler } from './sampling/sampler.js';

// Files
export { writeFileAtomically, writeOutputFile } from './atomicFile.js';
export { readJsonFile, validator } from './jsonFile.js';

// Failures that the user can do something about
export {
  EXIT_CODES,
  InputError,
  OutputError,
  systemReason,
  TargetError,
  UsageError,
  UserError,
} from './errors.js';

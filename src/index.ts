/**
 * arpg as a library: `import { load, sample, inpaint } from 'arpg'`.
 *
 * `load` opens a model; `sample` draws pictures of classes, `inpaint` draws the masked part of a picture anew. What
 * models are written and run with is in `arpg/graph`, training in `arpg/training`. All that the commands do is done
 * through what these three name.
 * @module arpg
 */

// Models
export { load, type LoadOptions, type Model, requireMatchingParts } from './library/model.js';
export { DEFAULT_MODEL, modelFolder, type ModelOrigin, shippedModel } from './modelPlaces.js';
export {
  type DescribedModel,
  findModels,
  type ListedClass,
  type ListedModel,
  modelClasses,
  requireModelThere,
} from './library/modelNames.js';
export type { ModelSummary } from './models/modelSummary.js';
export {
  type GeneratorModel,
  openGenerator,
  openTokenizer,
  type TokenizerModel,
  writeModelFolder,
} from './models/modelFolder.js';
export { parseSystemConfig, parseTokenizerConfig } from './models/parseConfig.js';
export { importGenerator, importTokenizer } from './models/importCheckpoint.js';
export type { SamplingDefaults } from './models/modelConfig.js';
export { type Aliases, aliasesByClass } from './conditions/aliases.js';
export { findClasses, type Labels } from './conditions/labels.js';
export { requireAbility } from './systems/abilities.js';
export { DEFAULT_SYSTEM, requireSystem, SYSTEM_NAMES, SYSTEMS } from './systems/registry.js';
export {
  filledSettings,
  flagOfSetting,
  type SystemSetting,
  type SystemSettings,
} from './systems/settings.js';
export type { SettingValues } from './sampling/request.js';
export type { Abilities, System, SystemFacts } from './systems/system.js';
export { byteLength, type StoredTensor, type Weights } from './graph/weights.js';

// Drawing
export {
  largerNote,
  drawClass,
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
export {
  type FullSettings,
  resolveSeed,
  resolveSettings,
  type SamplingSettings,
} from './library/settings.js';
export {
  fieldsOfSettings,
  SETTING_SCHEMAS,
  type SettingFields,
  settingsOfFields,
} from './library/settingFields.js';
export {
  type CommonRecord,
  readSampleRecord,
  RECORD_VERSION,
  type RecordedClass,
  type SampleRecord,
} from './library/pictureRecord.js';
export {
  classTitle,
  commonRecord,
  type DrawnHow,
  notesOf,
  recordedClass,
  type RedrawnHow,
  redrawNotes,
  sampleNotes,
  type WrittenForm,
} from './library/drawnNotes.js';
export { type JobFields, type JobLine, MAX_JOB_BYTES, parseJob } from './library/jobLines.js';
export { modelDigest } from './library/modelDigest.js';
export { type Canvas, DRAWN_FROM, featherMask } from './editing/canvas.js';
export { withOpacityOf } from './editing/opacity.js';
export type { RedrawStep } from './editing/redraw.js';
export { hasTransparency, MASK_RULE, maskOf, type ReadMask, transparencyMask } from './editing/mask.js';
export { drawSeed } from './random/draws.js';
export { GUIDANCE_SCHEDULES, type GuidanceSchedule } from './sampling/guidance.js';
export { readOrder } from './sampling/orderFile.js';
export { createSampler, type Generator } from './systems/sampler.js';
export type { Sampler } from './sampling/sampler.js';
export { type Grid, ROPE_SCALINGS, type RopeScaling } from '../graphs/rotary.js';

// Images and tokens
export {
  announcedPixels,
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
  MAX_SCALE,
  PICTURE_ENCODINGS,
  type PictureEncoding,
  type PictureNotes,
  requireEncodable,
  requireScalable,
  type RgbaImage,
  type RgbImage,
  SCALE_FILTERS,
  type ScaleFilter,
  scaleImage,
  type Scaling,
} from './data/image.js';
export { splitPictures, type TrailingBytes } from './data/imageStream.js';
export { MAX_PIXELS } from './data/pictureLimits.js';
export { ANIMATION_FORMATS, encodeAnimation } from './data/animation.js';
export { encodeNpz } from './data/npz.js';
export { encodeVectors, isVectorArchive, readVectors } from './data/vectorArchive.js';
export { MAX_INPUT_BYTES, readBounded, refuseSize } from './data/boundedFile.js';
export { type ImageSource, openImageSource, openPictures } from './data/imageSource.js';
export { type PictureList, UNLABELLED } from './data/pictureList.js';
export { decodeText } from './files/text.js';
export {
  codesOfLine,
  formatTokenLine,
  lineOfCodes,
  parseTokenLines,
  type TokenLine,
} from './data/tokenLines.js';
export {
  type OpenedTokens,
  openTokenSet,
  TOKEN_LAYOUTS,
  type TokenSet,
} from './data/tokenSource.js';
export {
  type Codes,
  codesFault,
  type CodesKind,
  type CodesShape,
  copyCodes,
  countKnown,
  describeCodes,
  type IndexCodes,
  type ScaleCodes,
  tokenCount,
  type TokenGrid,
  type Tokens,
  type VectorCodes,
} from './codes.js';
export { createTokenizer, type Tokenizer } from './tokenizers/tokenizer.js';
export { decodePartial } from './tokenizers/partialImage.js';

// Export
export {
  exportGpujs,
  exportModelFolder,
  type GpujsExport,
  exportOnnx,
  type OnnxExport,
  exportOnnxFolder,
  exportPytorch,
  exportSafetensors,
  MODEL_PARTS,
  type ModelPart,
  onnxGraphsOf,
} from './library/exportModel.js';
export { requireForeignOutput, requireOtherOutput } from './library/ownFiles.js';
export { PAGE_MODES, type PageMode } from './export/browser/moduleData.js';
export { PRECISIONS, type Precision } from './export/exportOnnx.js';
export { precisionOf, RUN_PRECISIONS, type RunPrecision } from './models/precision.js';

// Fetching
export { fetchedFile, KNOWN_FILES, type KnownFile } from './library/knownFiles.js';
export {
  DEFAULT_HUB,
  DEFAULT_TIMEOUT_SECONDS,
  MODEL_FILES,
  type OfferedModel,
  pull,
  type Pulled,
  type PullOptions,
} from './library/pull.js';
export {
  fetchedModel,
  fetchedModels,
  fetchModel,
  type FetchOptions,
  isHubName,
  modelName,
} from './library/fetchModel.js';

// Output that appears complete or not at all
export { writeFileAtomically, writeOutputFile } from './atomicFile.js';

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
export { machineMemory, requireMemory } from './memoryLimit.js';

// Work in parts
export { type Shard, shardOf, shardRange, WHOLE } from './shard.js';

/** The networks, each as a function that builds its graph. */
export {
  type ArpgConfig,
  type ArpgTrainingOptions,
  arpgPrefill,
  arpgStep,
  arpgTeacherForced,
} from './arpg.js';
export type { DecoderConfig } from './decoder.js';
export { llamaGenStep, llamaGenTeacherForced } from './llamaGen.js';
export { type MaskGitConfig, maskGitStep, maskGitTeacherForced } from './maskGit.js';
export { type NarConfig, narStep, narTeacherForced } from './nar.js';
export { type ParConfig, parStep, parTeacherForced } from './par.js';
export { randArStep, randArTeacherForced } from './randAr.js';
export { downsampleFactor, type VqTokenizerConfig, vqDecoder, vqEncoder } from './vqTokenizer.js';

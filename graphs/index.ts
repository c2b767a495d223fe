/** The networks, each as a function that builds its graph. */
export { type ArpgConfig, arpgPrefill, arpgStep, arpgTeacherForced } from './arpg.js';
export type { DecoderConfig } from './causalDecoder.js';
export { llamaGenStep, llamaGenTeacherForced } from './llamaGen.js';
export { type MaskGitConfig, maskGitStep, maskGitTeacherForced } from './maskGit.js';
export { randArStep, randArTeacherForced } from './randAr.js';
export { downsampleFactor, type VqTokenizerConfig, vqDecoder, vqEncoder } from './vqTokenizer.js';

import { uniformFor } from '../random/draws.js';
import { unknownShare } from '../sampling/maskedSteps/shares.js';
import { type HostTensor, intTensor } from '../targets/target.js';
import { classRow, indexTable, intTable } from './inputs.js';
import type { MaskGitFields } from './maskGitFields.js';
import type { TrainingExample } from './system.js';

/** How the share of hidden tokens is spread over pictures. */
const SCHEDULE = 'arccos';

/**
 * Hides tokens: those whose number is below the share of all that are to be hidden.
 * @param uniform the number in [0, 1) of a position
 * @param mask what stands for a hidden token
 */
export function hideTokens(
  tokens: ArrayLike<number>,
  share: number,
  uniform: (position: number) => number,
  mask: number,
): readonly number[] {
  return Array.from(tokens, (token, position) => (uniform(position) < share ? mask : token));
}

/** The inputs of training: each picture, and the same with a share of its tokens hidden that is drawn for it. */
export function maskGitBatch(
  fields: MaskGitFields,
  examples: readonly TrainingExample[],
  seed: number,
): Readonly<Record<'tokens' | 'masked_tokens' | 'class_ids', HostTensor>> {
  const masked = ({ codes: { tokens }, draw }: TrainingExample): readonly number[] =>
    hideTokens(
      tokens,
      unknownShare(SCHEDULE, uniformFor(seed, draw, 0, 'maskShare'), tokens.length),
      (position) => uniformFor(seed, draw, position, 'mask'),
      fields.codebook_size,
    );
  return {
    tokens: indexTable(examples),
    masked_tokens: intTable(examples.map(masked)),
    class_ids: intTensor(
      [examples.length],
      examples.map(({ condition }) => classRow(condition, fields.nclass)),
    ),
  };
}

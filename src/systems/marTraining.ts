import { TRAINED_STEPS } from '../../graphs/diffusionTables.js';
import { uniformFor } from '../random/draws.js';
import { normalsFor } from '../random/normals.js';
import { randomOrder } from '../sampling/order.js';
import { floatTensor, type HostTensor, intTensor } from '../targets/target.js';
import { classRow, intTable } from './inputs.js';
import type { MarFields } from './marFields.js';
import { normalQuantile, normalShare } from './normalDistribution.js';
import type { TrainingExample } from './system.js';

/** The share of hidden tokens is normal around 1, as far as shares go. */
const DEVIATION = 0.25;

/**
 * The share of hidden tokens of a batch: normal(1, 0.25), cut to what lies between the least share and 1.
 * @param uniform from 0 to 1; larger ones give larger shares
 */
export function maskShare(uniform: number, least: number): number {
  const below = normalShare((least - 1) / DEVIATION);
  return 1 + DEVIATION * normalQuantile(below + uniform * (0.5 - below));
}

/** How many tokens of so many are hidden. */
export function hiddenCount(positions: number, share: number): number {
  return Math.ceil(positions * share);
}

/** What is hidden of a picture: the first positions of its order. */
export interface Hidden {
  /** The others, ascending. */
  readonly known: readonly number[];
  /** 1 where hidden. */
  readonly mask: readonly number[];
}

export function hideFirst(order: readonly number[], count: number): Hidden {
  const hidden = new Set(order.slice(0, count));
  const positions = Array.from(order, (_, position) => position);
  return {
    known: positions.filter((position) => !hidden.has(position)),
    mask: positions.map((position) => Number(hidden.has(position))),
  };
}

/** What is given of pictures to the training graph, but for the diffusion. */
export function marPictures(
  { vae_embed_dim }: MarFields,
  pictures: readonly {
    readonly tokens: ArrayLike<number>;
    readonly classId: number;
    readonly hidden: Hidden;
  }[],
): Readonly<Record<'tokens' | 'known_positions' | 'mask' | 'class_ids', HostTensor>> {
  const rows = pictures.length;
  const positions = pictures[0]!.hidden.mask.length;
  const tokens = new Float32Array(rows * positions * vae_embed_dim);
  for (const [row, picture] of pictures.entries())
    tokens.set(picture.tokens, row * positions * vae_embed_dim);
  return {
    tokens: floatTensor([rows, positions, vae_embed_dim], tokens),
    known_positions: intTable(pictures.map(({ hidden }) => hidden.known)),
    mask: floatTensor(
      [rows, positions],
      pictures.flatMap(({ hidden }) => hidden.mask),
    ),
    class_ids: intTensor(
      [rows],
      pictures.map(({ classId }) => classId),
    ),
  };
}

/** A picture's vectors: drawn anew at each visit where it is known how they spread. */
function visited({ codes, draw }: TrainingExample, seed: number): ArrayLike<number> {
  if (codes.kind !== 'vectors' || !codes.deviations) return codes.tokens;
  const { tokens, deviations } = codes;
  const noise = normalsFor(seed, draw, 0, 'posterior', 0, tokens.length);
  return tokens.map((mean, index) => mean + deviations[index]! * noise[index]!);
}

/**
 * The inputs of training: pictures of which the same number of tokens is hidden, drawn for the batch, and noise for each of
 * their tokens, so many times. All are drawn by the pictures' numbers; the batch's share by that of its first.
 * @param firstDraw the number of the batch's first picture, of which these may be some
 */
export function marBatch(
  fields: MarFields,
  examples: readonly TrainingExample[],
  seed: number,
  firstDraw: number = examples[0]!.draw,
): Readonly<Record<string, HostTensor>> {
  const { vae_embed_dim, class_num, mask_ratio_min, diffusion_batch_mul } = fields;
  const positions = examples[0]!.codes.tokens.length / vae_embed_dim;
  const share = maskShare(uniformFor(seed, firstDraw, 0, 'maskShare'), mask_ratio_min);
  const count = hiddenCount(positions, share);
  const pictures = examples.map((example) => ({
    tokens: visited(example, seed),
    classId: classRow(example.condition, class_num),
    hidden: hideFirst(randomOrder(positions, seed, example.draw, 'mask'), count),
  }));
  const rows = diffusion_batch_mul * examples.length * positions;
  const timesteps = new Int32Array(rows);
  const noise = new Float32Array(rows * vae_embed_dim);
  let row = 0;
  for (let copy = 0; copy < diffusion_batch_mul; copy++)
    for (const { draw } of examples)
      for (let position = 0; position < positions; position++) {
        const time = uniformFor(seed, draw, copy * positions + position, 'diffusionTime');
        timesteps[row] = Math.floor(time * TRAINED_STEPS);
        noise.set(normalsFor(seed, draw, position, 'diffusion', copy, vae_embed_dim), row * vae_embed_dim);
        row += 1;
      }
  return {
    ...marPictures(fields, pictures),
    timesteps: intTensor([rows], timesteps),
    noise: floatTensor([rows, vae_embed_dim], noise),
  };
}

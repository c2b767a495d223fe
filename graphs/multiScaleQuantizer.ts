import {
  add,
  argmax,
  type Dim,
  embedding,
  matmul,
  multiply,
  parameter,
  reshape,
  scope,
  subtract,
  sum,
  type Tensor,
  transpose,
} from '../src/dsl/index.js';
import { conv } from './convolutionLayers.js';
import { area, bicubic, resample } from './resampling.js';
import { unitLength } from './unitLength.js';

/** Sizes of a quantiser of residuals at growing scales (docs/SYSTEMS.md, VAR). */
export interface MultiScaleQuantizer {
  /** Sides of the maps, the latent's own last. */
  readonly sides: readonly number[];
  readonly codebookSize: number;
  readonly codebookDim: number;
  /** What of a scale's contribution its convolution makes; the rest is the enlarged map itself. */
  readonly convolutionShare: number;
  /** How the convolutions are named, and how many there are: one at all scales, some that scales share, or a list. */
  readonly convolutions: { readonly kind: 'one' | 'shared' | 'listed'; readonly count: number };
  /** Whether the nearest code is the one in the most similar direction. */
  readonly comparesDirections: boolean;
}

/** Codes of a picture: those of all scales. */
export function codeCount({ sides }: Pick<MultiScaleQuantizer, 'sides'>): number {
  return sides.reduce((sum, side) => sum + side ** 2, 0);
}

/** For each scale, where its codes start in the list of all, and how many there are. */
export function scaleRanges(
  sides: readonly number[],
): readonly { readonly start: number; readonly length: number }[] {
  let start = 0;
  return sides.map((side) => {
    const range = { start, length: side ** 2 };
    start += range.length;
    return range;
  });
}

/**
 * Which of the convolutions each scale has: the one whose place is nearest, where places are spread evenly. Places may tie
 * but for rounding, so that they are computed as NumPy's `linspace` does.
 */
export function convolutionOfScale(convolutions: number, scales: number): readonly number[] {
  const margin = 1 / (convolutions === 4 ? 3 : 2) / convolutions;
  const end = 1 - margin;
  const step = (end - margin) / (convolutions - 1);
  const places = Array.from({ length: convolutions }, (_, index) => {
    if (index === 0) return margin;
    return index === convolutions - 1 ? end : index * step + margin;
  });
  return Array.from({ length: scales }, (_, scale) => {
    const distances = places.map((place) => Math.abs(place - scale / (scales - 1)));
    return distances.indexOf(Math.min(...distances));
  });
}

/** The scope of a scale's convolution. */
function convolutionName(
  { convolutions: { kind, count }, sides }: MultiScaleQuantizer,
  scale: number,
): string {
  const index = convolutionOfScale(count, sides.length)[scale]!;
  if (kind === 'one') return 'qresi';
  return kind === 'shared' ? `qresi_ls.${index}` : `${index}`;
}

/** Codes `[codebookSize, codebookDim]`; their names lie in the scope `quantize`, as do those of all that follows. */
export function codebook({ codebookSize, codebookDim }: MultiScaleQuantizer): Tensor {
  return scope('embedding', () =>
    parameter('weight', [codebookSize, codebookDim], { kind: 'uniform', bound: 1 / codebookSize }),
  );
}

/** `[batch, channels, height, width]` → `[batch, height·width, channels]` */
export function mapRows(map: Tensor): Tensor {
  const [batch, channels, height, width] = map.shape as readonly [Dim, number, number, number];
  return transpose(reshape(map, [batch, channels, height * width]), [0, 2, 1]);
}

/** `[batch, side², channels]` → `[batch, channels, side, side]` */
export function rowsMap(rows: Tensor, side: number): Tensor {
  const [batch, , channels] = rows.shape as readonly [Dim, number, number];
  return reshape(transpose(rows, [0, 2, 1]), [batch, channels, side, side]);
}

/**
 * What a scale adds to the latent: its codes' map, enlarged, in part through a convolution.
 * @param rows the codes `[batch, side², codebookDim]`
 * @returns `[batch, codebookDim, height, width]`
 */
export function contribution(rows: Tensor, scale: number, quantizer: MultiScaleQuantizer): Tensor {
  const { sides, codebookDim, convolutionShare } = quantizer;
  const [side, whole] = [sides[scale]!, sides.at(-1)!];
  const map = rowsMap(rows, side);
  const enlarged = scale === sides.length - 1 ? map : resample(map, bicubic(side, whole));
  const convolved = scope('quant_resi', () =>
    conv(convolutionName(quantizer, scale), enlarged, codebookDim, { kernel: 3 }),
  );
  return add(multiply(enlarged, 1 - convolutionShare), multiply(convolved, convolutionShare));
}

/** A latent seen at a scale, `[batch, side², codebookDim]`. */
export function atScale(latent: Tensor, scale: number, { sides }: MultiScaleQuantizer): Tensor {
  const [side, whole] = [sides[scale]!, sides.at(-1)!];
  return mapRows(scale === sides.length - 1 ? latent : resample(latent, area(whole, side)));
}

/** The codes next to some rows: `[batch, places, codebookDim]` → i32 `[batch, places]` */
export function nearestCodes(
  rows: Tensor,
  codes: Tensor,
  { comparesDirections }: MultiScaleQuantizer,
): Tensor {
  if (comparesDirections) return argmax(matmul(rows, unitLength(codes), { transposeRight: true }));
  // |row − code|² without |row|², which is the same for all codes, halved and the other way round.
  const half = multiply(sum(multiply(codes, codes), { axes: [-1] }), 0.5);
  return argmax(subtract(matmul(rows, codes, { transposeRight: true }), half));
}

/** A latent in codes. */
export interface QuantizedScales {
  /** i32 `[batch, side²]` of each scale. */
  readonly indices: readonly Tensor[];
  /** What each scale's codes are next to, `[batch, side², codebookDim]`. */
  readonly rests: readonly Tensor[];
  /** What the scales so far add up to, after each: `[batch, codebookDim, height, width]`. */
  readonly sums: readonly Tensor[];
}

/** Each scale's codes are those next to what the coarser ones leave of the latent. */
export function quantizeScales(latent: Tensor, quantizer: MultiScaleQuantizer): QuantizedScales {
  const codes = codebook(quantizer);
  const indices: Tensor[] = [];
  const rests: Tensor[] = [];
  const sums: Tensor[] = [];
  for (const scale of quantizer.sides.keys()) {
    const before = sums.at(-1);
    const rest = atScale(before ? subtract(latent, before) : latent, scale, quantizer);
    const own = nearestCodes(rest, codes, quantizer);
    const added = contribution(embedding(codes, own), scale, quantizer);
    indices.push(own);
    rests.push(rest);
    sums.push(before ? add(before, added) : added);
  }
  return { indices, rests, sums };
}

/**
 * What the scales of given codes add up to, after each.
 * @param indices i32 `[batch, side²]` of the first scales
 */
export function scaleSums(indices: readonly Tensor[], quantizer: MultiScaleQuantizer): readonly Tensor[] {
  const codes = codebook(quantizer);
  const sums: Tensor[] = [];
  for (const [scale, own] of indices.entries()) {
    const added = contribution(embedding(codes, own), scale, quantizer);
    const before = sums.at(-1);
    sums.push(before ? add(before, added) : added);
  }
  return sums;
}

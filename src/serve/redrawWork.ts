import {
  type Canvas,
  flattenOnWhite,
  hasTransparency,
  outpaintCanvas,
  type RgbaImage,
  type SamplingSettings,
  variationMask,
} from '../index.js';
import { ApiError } from './apiError.js';
import type { RedrawWork } from './draw.js';
import type { Limits } from './limits.js';
import type { ModelFacts } from './modelPool.js';
import { decodeBase64, ownMask, readMask, readPicture } from './pictures.js';
import type { EditFields, InpaintFields, OutpaintFields, PictureFields } from './schemas.js';

/** What parts of a picture are drawn anew, as far as requests with a picture differ. */
export type Canvases = Pick<RedrawWork, 'canvasOf' | 'original'>;

type SeededSettings = SamplingSettings & { readonly seed: number };

/** Pixels masked at least in part, as a bound of the tokens that they touch. */
function requireFewTokens(mask: Uint8Array, { tokenPixels }: ModelFacts, limits: Limits): void {
  const tokens = mask.reduce((sum, value) => sum + (value > 0 ? 1 : 0), 0) / tokenPixels ** 2;
  if (tokens > limits.redrawnTokens)
    throw new ApiError(
      400,
      `about ${Math.round(tokens)} tokens are to be drawn; at most ${limits.redrawnTokens} are at once`,
    );
}

/** The canvases of a picture and what is to be drawn of it. */
export function maskedCanvases(
  picture: RgbaImage,
  maskOf: (picture: number) => Uint8Array,
  facts: ModelFacts,
  limits: Limits,
): Canvases {
  const image = flattenOnWhite(picture);
  requireFewTokens(maskOf(0), facts, limits);
  return {
    canvasOf: (number): Canvas => ({ image, mask: maskOf(number) }),
    ...(hasTransparency(picture) && { original: picture }),
  };
}

const pictureOf = ({ image }: PictureFields, { pixels }: Limits): Promise<RgbaImage> =>
  readPicture(decodeBase64(image, 'image'), 'image', pixels);

/** @throws ApiError 400 for pictures and masks that cannot be used. */
export async function inpaintCanvases(
  fields: InpaintFields,
  facts: ModelFacts,
  limits: Limits,
): Promise<Canvases> {
  const picture = await pictureOf(fields, limits);
  const mask =
    typeof fields.mask === 'string'
      ? await readMask(decodeBase64(fields.mask, 'mask'), picture, limits.pixels)
      : ownMask(picture);
  return maskedCanvases(picture, () => mask, facts, limits);
}

/** @throws ApiError 400 for pictures that cannot be used, and results that are too large. */
export async function outpaintCanvases(
  fields: OutpaintFields,
  facts: ModelFacts,
  limits: Limits,
): Promise<Canvases> {
  const sides = {
    left: fields.left ?? 0,
    top: fields.top ?? 0,
    right: fields.right ?? 0,
    bottom: fields.bottom ?? 0,
  };
  if (sides.left + sides.top + sides.right + sides.bottom === 0)
    throw new ApiError(400, 'nothing is to be added: give left, top, right or bottom', { param: 'left' });
  const picture = await pictureOf(fields, limits);
  const pixels = (picture.width + sides.left + sides.right) * (picture.height + sides.top + sides.bottom);
  if (pixels > limits.pixels)
    throw new ApiError(400, `a result of ${pixels} pixels is more than the ${limits.pixels} drawn here`);
  const canvas = outpaintCanvas(flattenOnWhite(picture), sides);
  requireFewTokens(canvas.mask, facts, limits);
  return { canvasOf: () => canvas };
}

/** @throws ApiError 400 for pictures and masks that cannot be used. */
export async function editCanvases(
  fields: EditFields,
  facts: ModelFacts,
  limits: Limits,
  { seed }: SeededSettings,
): Promise<Canvases> {
  const { keep, mask } = fields;
  if (typeof keep !== 'number' && typeof mask !== 'string')
    throw new ApiError(400, 'say what is to be drawn anew: a mask, or the share to keep', { param: 'mask' });
  if (typeof keep !== 'number') return inpaintCanvases(fields, facts, limits);
  if (typeof mask === 'string')
    throw new ApiError(400, 'mask and keep exclude each other', { param: 'keep' });
  const picture = await pictureOf(fields, limits);
  const maskOf = (number: number) => variationMask(picture, keep, facts.tokenPixels, seed, number);
  return maskedCanvases(picture, maskOf, facts, limits);
}

import type { RgbaImage } from '../data/image.js';
import { InputError } from '../errors.js';
import { DRAWN_FROM } from './canvas.js';

const OPAQUE = 255;

/** How masks are read, in one sentence. */
export const MASK_RULE =
  'A token is drawn when the mask is at least half white (128 of 255) somewhere in its cell, and within drawn cells grey mixes old and new pixels; only where the colours of the mask say nothing, being all dark or all light, its transparency decides instead, and what is transparent is drawn.';

/** A mask and, where the picture leaves a choice, how it was read. */
export interface ReadMask {
  /** `[height, width]` */
  readonly mask: Uint8Array;
  readonly note?: string;
}

/** Whether any pixel lets something shine through. */
export function hasTransparency({ data }: RgbaImage): boolean {
  for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] !== OPAQUE) return true;
  return false;
}

/** How transparent each pixel is, `[height, width]`: 255 wholly. */
export function transparencyMask({ data }: RgbaImage): Uint8Array {
  const mask = new Uint8Array(data.length / 4);
  for (let pixel = 0; pixel < mask.length; pixel++) mask[pixel] = OPAQUE - data[pixel * 4 + 3]!;
  return mask;
}

/** How light each pixel's stored colour is (Rec. 601 luminance), whether it can be seen or not. */
function lightness({ data }: RgbaImage): Uint8Array {
  const light = new Uint8Array(data.length / 4);
  for (let pixel = 0; pixel < light.length; pixel++)
    light[pixel] = Math.round(
      0.299 * data[pixel * 4]! + 0.587 * data[pixel * 4 + 1]! + 0.114 * data[pixel * 4 + 2]!,
    );
  return light;
}

/** Which colours and opacities there are among the pixels. */
interface Survey {
  readonly hasLight: boolean;
  readonly hasDark: boolean;
  /** The same among the pixels that are at least half opaque. */
  readonly seesLight: boolean;
  readonly seesDark: boolean;
  readonly hasUnseen: boolean;
  readonly alphaVaries: boolean;
}

function survey(light: Uint8Array, { data }: RgbaImage): Survey {
  // By whether pixels are light, and whether they are seen: 2·light + seen.
  const found = [false, false, false, false];
  let alphaVaries = false;
  for (let pixel = 0; pixel < light.length; pixel++) {
    const alpha = data[pixel * 4 + 3]!;
    found[(light[pixel]! >= DRAWN_FROM ? 2 : 0) + (alpha >= DRAWN_FROM ? 1 : 0)] = true;
    alphaVaries ||= alpha !== data[3];
  }
  const [darkUnseen, darkSeen, lightUnseen, lightSeen] = found as [boolean, boolean, boolean, boolean];
  return {
    hasLight: lightUnseen || lightSeen,
    hasDark: darkUnseen || darkSeen,
    seesLight: lightSeen,
    seesDark: darkSeen,
    hasUnseen: darkUnseen || lightUnseen,
    alphaVaries,
  };
}

/**
 * The mask that a picture means: how light it is, unless the colours say nothing and the opacity does (`MASK_RULE`).
 * @param source its name, for messages
 * @throws InputError when both colours and opacity say something, and not the same.
 */
export function maskOf(picture: RgbaImage, source: string): ReadMask {
  const light = lightness(picture);
  const { hasLight, hasDark, seesLight, seesDark, hasUnseen, alphaVaries } = survey(light, picture);
  if (!alphaVaries) return { mask: light };
  const coloursSpeak = hasLight && hasDark;
  if (!coloursSpeak || (seesDark && !seesLight))
    return {
      mask: transparencyMask(picture),
      note: `${source}: the mask is read by its transparency: what is transparent is drawn; --invert-mask draws the rest`,
    };
  if (seesLight && !seesDark)
    return {
      mask: light.map((value, pixel) => Math.round((value * picture.data[pixel * 4 + 3]!) / OPAQUE)),
      note: `${source}: the mask is light on transparent: what is light is drawn; --invert-mask draws the rest`,
    };
  if (seesLight && seesDark && !hasUnseen)
    return {
      mask: light,
      note: `${source}: the mask is read by its colours; that some of its pixels are not quite opaque is ignored`,
    };
  throw new InputError(
    `${source}: both the colours and the transparency of the mask say what to draw, and not the same; save it in black and white without transparency`,
  );
}

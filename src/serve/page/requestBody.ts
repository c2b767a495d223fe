import type { DrawKind } from './api.js';
import { isEmpty, type Mask } from './maskModel.js';
import { base64Of, maskPng, type Picture } from './picture.js';
import type { DrawSettings } from './settings.js';
import type { Sides } from './stage.js';

/** All that a drawing depends on. */
export interface Wanted {
  readonly kind: DrawKind;
  readonly model: string;
  readonly class: string | undefined;
  readonly settings: DrawSettings;
  readonly source: Picture | undefined;
  readonly mask: Mask | undefined;
  readonly sides: Sides;
  /** The share of an edited picture that stays; undefined where a mask says what does. */
  readonly keep: number | undefined;
}

/** What a request lacks, for the user. */
export class Unready extends Error {}

/** The body of the request. @throws Unready when something is missing */
export async function bodyOf(wanted: Wanted): Promise<object> {
  const { kind, model, settings, source, mask, sides, keep } = wanted;
  const { count, ...others } = settings;
  const base = { model, ...(wanted.class !== undefined && { class: wanted.class }), ...others };
  if (kind === 'sample') return { ...base, count };
  if (!source) throw new Unready('Open a picture first.');
  const image = await base64Of(source.blob);
  if (kind === 'outpaint') {
    if (Object.values(sides).every((pixels) => pixels === 0))
      throw new Unready('Drag a border of the picture outwards first, or type how many pixels to add.');
    return { ...base, image, ...sides };
  }
  if (kind === 'edit' && wanted.class === undefined)
    throw new Unready('Choose the class that it is to become.');
  if (kind === 'edit' && keep !== undefined) return { ...base, image, keep };
  if (!mask || isEmpty(mask)) throw new Unready('Paint over what is to be drawn anew first.');
  return { ...base, image, mask: await base64Of(await maskPng(mask)) };
}

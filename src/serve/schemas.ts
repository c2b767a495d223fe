import {
  GUIDANCE_SCHEDULES,
  type GuidanceSchedule,
  PICTURE_ENCODINGS,
  type PictureEncoding,
  ROPE_SCALINGS,
  type RopeScaling,
  SYSTEMS,
} from '../index.js';
import type { Limits } from './limits.js';

/** A JSON schema of an object, as far as requests need them; the same one validates and documents. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly description: string;
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly additionalProperties: false;
}

/** Sampling settings that all requests may have, in the names of the JSON. */
export interface SettingFields {
  readonly model?: string | null;
  readonly seed?: number | null;
  readonly steps?: number | null;
  readonly schedule?: string | null;
  readonly guidance?: number | null;
  readonly guidance_schedule?: GuidanceSchedule | null;
  readonly temperature?: number | null;
  readonly top_k?: number | null;
  readonly top_p?: number | null;
  readonly order?: 'random' | 'raster' | null;
  readonly own?: Readonly<Record<string, number | string | boolean>> | null;
}

/** What requests with events may have besides. */
export interface NativeFields extends SettingFields {
  readonly class?: string | number | null;
  readonly count?: number | null;
  readonly previews?: boolean | null;
}

export interface SampleFields extends NativeFields {
  readonly size?: string | null;
  readonly rope?: RopeScaling | null;
}

/** A request that gives a picture. */
export interface PictureFields extends NativeFields {
  /** Base64, or a data URL. */
  readonly image: string;
  readonly feather?: number | null;
}

export interface InpaintFields extends PictureFields {
  readonly mask?: string | null;
}

export interface OutpaintFields extends PictureFields {
  readonly left?: number | null;
  readonly top?: number | null;
  readonly right?: number | null;
  readonly bottom?: number | null;
}

export interface EditFields extends PictureFields {
  readonly class: string | number;
  readonly mask?: string | null;
  readonly keep?: number | null;
}

/** What OpenAI's clients send for a generation. */
export interface GenerationFields extends SettingFields {
  readonly prompt: string;
  readonly n?: number | null;
  readonly size?: string | null;
  readonly response_format?: 'url' | 'b64_json' | null;
  readonly output_format?: PictureEncoding | null;
  readonly output_compression?: number | null;
}

/** The schedules of all systems. */
const SCHEDULES = [...new Set(SYSTEMS.flatMap(({ choices }) => choices.schedules))];
const MAX_SIDE = 65_535;
const MAX_NAME = 500;

const name = (description: string) => ({ type: ['string', 'null'], maxLength: MAX_NAME, description });
const whole = (minimum: number, maximum: number, description: string) => ({
  type: ['integer', 'null'],
  minimum,
  maximum,
  description,
});
const number = (minimum: number, maximum: number, description: string) => ({
  type: ['number', 'null'],
  minimum,
  maximum,
  description,
});
const choice = (values: readonly string[], description: string) => ({
  type: ['string', 'null'],
  enum: [...values, null],
  description,
});
const size = (description: string) => ({
  type: ['string', 'null'],
  pattern: '^(auto|[1-9]\\d{0,4}x[1-9]\\d{0,4})$',
  description,
});

/** The schemas of all requests, with a server's own limits. */
export function requestSchemas(limits: Limits) {
  const settings = {
    model: name('one of GET /v1/models (default: the first)'),
    seed: whole(0, Number.MAX_SAFE_INTEGER, 'fixes all random choices (default: drawn, and told)'),
    steps: whole(1, limits.tokens, "steps of a picture, at most one per token (default: the system's)"),
    schedule: choice(SCHEDULES, 'how the number of tokens grows from step to step'),
    guidance: number(0, 1000, "classifier-free guidance scale (default: the model's)"),
    guidance_schedule: choice(
      GUIDANCE_SCHEDULES,
      'whether guidance is the same at all steps or grows from none',
    ),
    temperature: number(0, 1000, "divides the logits (default: the model's)"),
    top_k: whole(0, 2 ** 31 - 1, 'keeps the k most likely tokens; 0 keeps all'),
    top_p: number(0, 1, "keeps the most likely tokens up to this mass (default: the model's)"),
    order: choice(['random', 'raster'], "the order of the tokens (default: random, or the system's own)"),
    own: {
      type: ['object', 'null'],
      maxProperties: 32,
      additionalProperties: { type: ['number', 'string', 'boolean'] },
      description: "settings that only the model's system has, by their names in camel case",
    },
  };
  const native = {
    ...settings,
    class: {
      type: ['string', 'integer', 'null'],
      maxLength: MAX_NAME,
      minimum: 0,
      description: 'class name, index, or group of which each picture draws one',
    },
    count: whole(1, limits.count, 'pictures (default 1)'),
    previews: { type: ['boolean', 'null'], description: 'whether steps come with a picture (default true)' },
  };
  const base64 = (description: string) => ({ type: 'string', minLength: 1, description });
  const picture = {
    ...native,
    image: base64('PNG, JPEG or WebP in base64, or as a data URL'),
    feather: whole(0, MAX_SIDE, 'pixels over which new ones fade in, inside the mask (default 0)'),
  };
  const mask = {
    ...base64('picture of the same size: what is light, or else transparent, is drawn anew'),
    type: ['string', 'null'],
  };
  const side = (where: string) => whole(0, MAX_SIDE, `pixels to add ${where} (default 0)`);
  const openAi = {
    ...settings,
    prompt: { type: 'string', minLength: 1, maxLength: MAX_NAME, description: 'class name or index' },
    n: whole(1, limits.count, 'pictures (default 1)'),
    response_format: choice(['url', 'b64_json'], 'how pictures come (default url)'),
    output_format: choice(PICTURE_ENCODINGS, 'default png'),
    output_compression: whole(1, 100, 'quality of JPEG and WebP (default 90)'),
    quality: { type: ['string', 'null'], description: 'taken and not used' },
    background: choice(['auto', 'opaque'], 'pictures are opaque'),
    user: { type: ['string', 'null'], description: 'taken and not used' },
  };
  const object = (
    description: string,
    properties: ObjectSchema['properties'],
    required: readonly string[] = [],
  ): ObjectSchema => ({ type: 'object', description, required, properties, additionalProperties: false });
  return {
    sample: object('Draws pictures of a class; of a random one when none is named, without one for null.', {
      ...native,
      size: size('WxH in pixels, whole tokens along each side (default: auto, the trained size)'),
      rope: choice(
        ROPE_SCALINGS,
        'with size: positions go on beyond the trained ones, or are squeezed (default extend)',
      ),
    }),
    inpaint: object(
      'Draws the masked part of a picture anew; without a mask, its transparent pixels.',
      { ...picture, mask },
      ['image'],
    ),
    outpaint: object(
      'Extends a picture beyond its borders.',
      {
        ...picture,
        left: side('on the left'),
        top: side('above'),
        right: side('on the right'),
        bottom: side('below'),
      },
      ['image'],
    ),
    edit: object(
      'Turns a part of a picture into another class, or varies it.',
      { ...picture, mask, keep: number(0, 1, 'share of tokens that stay, instead of a mask') },
      ['image', 'class'],
    ),
    generations: object(
      "Draws pictures in the shape of OpenAI's API.",
      {
        ...openAi,
        size: size('WxH in pixels, or auto (default: the trained size)'),
        style: { type: ['string', 'null'], description: 'taken and not used' },
        moderation: choice(['auto', 'low'], 'taken and not used'),
      },
      ['prompt'],
    ),
    edits: object(
      "Draws the transparent part of a mask, or else of the picture, anew, in the shape of OpenAI's API.",
      {
        ...openAi,
        size: size("auto, or the picture's own size"),
        input_fidelity: choice(['low', 'high'], 'taken and not used'),
      },
      ['prompt'],
    ),
  };
}

export type RequestSchemas = ReturnType<typeof requestSchemas>;

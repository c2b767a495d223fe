import { GROUPS } from '../../graphs/convolutionLayers.js';

/** Sizes that convolutional encoders and decoders of pictures have in common, named as in the official implementations. */
export interface ConvolutionFields {
  readonly ch: number;
  readonly ch_mult: readonly number[];
  readonly num_res_blocks: number;
}

/** Bounds of a whole number in a tokenizer's configuration. */
export const positive = { type: 'integer', minimum: 1, maximum: 65536 } as const;

/** Schemas of these fields, but for the default of `ch`. */
export const convolutionProperties = {
  ch_mult: {
    type: 'array',
    items: { ...positive, maximum: 64 },
    minItems: 1,
    maxItems: 8,
    default: [1, 1, 2, 2, 4],
  },
  num_res_blocks: { ...positive, maximum: 64, default: 2 },
} as const;

/** A hundred times VQ-16; more could be neither trained nor held in memory by what this program runs on. */
const MAX_PARAMETERS = 2 ** 33;

/**
 * About how many parameters the convolutions of encoder and decoder have.
 * @param narrow channels of what is beside the widest level, over both
 */
export function convolutionParameters(
  { ch, ch_mult, num_res_blocks }: ConvolutionFields,
  narrow: number,
): number {
  const squares = ch_mult.reduce((sum, factor) => sum + (ch * factor) ** 2, 0);
  return 18 * (2 * (num_res_blocks + 1) * squares + narrow * ch * ch_mult.at(-1)!);
}

/** What is wrong with the channels; undefined where nothing is. */
export function faultOfChannels({ ch }: ConvolutionFields): string | undefined {
  return ch % GROUPS === 0 ? undefined : `ch ${ch} must be a multiple of ${GROUPS}, the groups of GroupNorm`;
}

/**
 * What is wrong with a network's sizes; undefined where nothing is.
 * @param parameters about how many it would have
 * @param size name of the field that decides besides the convolutions'
 */
export function faultOfSizes(parameters: number, size: string): string | undefined {
  return parameters > MAX_PARAMETERS
    ? `its sizes (ch, ch_mult, num_res_blocks, ${size}) ask for ${(parameters / 1e9).toFixed(1)} billion parameters, more than ${(MAX_PARAMETERS / 1e9).toFixed(1)}`
    : undefined;
}

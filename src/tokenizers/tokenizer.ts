import { type Codes, codesFault, codesLength, codesOf, type CodesShape, type Tokens } from '../codes.js';
import type { RgbImage } from '../data/image.js';
import { requirePicture } from '../data/pixels.js';
import { decoderInput } from '../decoderInput.js';
import { UsageError } from '../errors.js';
import { readFloats, type Weights } from '../graph/weights.js';
import { requireFinite } from '../targets/finite.js';
import type { Executable, HostTensor, Target } from '../targets/target.js';
import { imageSignal, signalPixels } from './pixelSignal.js';
import { decodeInStrips, wholeLevels } from './stripDecoder.js';
import type { TokenizerFacts, TokenizerKind } from './tokenizerKind.js';

/** A tokenizer ready to run. The encoder and the decoder are compiled when first used. */
export interface Tokenizer {
  readonly facts: TokenizerFacts;
  /** Pixels of one token along each axis. */
  readonly factor: number;
  /**
   * @throws UsageError unless the image's sides are multiples of `factor`, and those that its scales have, InputError
   *   when the weights give no finite numbers.
   */
  encode(image: RgbImage): Promise<Codes>;
  /** Encodes images of one size together. */
  encodeMany(images: readonly RgbImage[]): Promise<readonly Codes[]>;
  /**
   * Large pictures are decoded strip by strip. Of scales, the first suffice: the picture is coarse then.
   * @throws UsageError when the codes are none of this tokenizer, InputError when the weights give no finite numbers.
   */
  decode(codes: Codes): Promise<RgbImage>;
  dispose(): Promise<void>;
}

/** A tokenizer's kind, and its own sizes and weights. */
export interface TokenizerParts {
  readonly kind: TokenizerKind;
  readonly config: object;
  readonly weights: Weights;
}

/** Prepares a tokenizer on a target. */
export function createTokenizer({ kind, config, weights }: TokenizerParts, target: Target): Tokenizer {
  const facts = kind.facts(config);
  const { factor, codes: shape } = facts;
  const graphs = kind.graphs(config);
  const strips = kind.strips?.(config);
  let encoder: Promise<Executable> | undefined;
  /** By the number of scales that they decode; 0 for whole codes, −1 for what scales add up to. */
  const decoders = new Map<number, Promise<Executable>>();
  let codesChecked = false;
  let isDisposed = false;
  const requireOpen = (): void => {
    if (isDisposed) throw new UsageError('the tokenizer was disposed of: load the model again');
  };
  // No latent is near a code that is not a number, so that nothing else would tell.
  const requireFiniteCodes = (): void => {
    const codes = kind.codebook === undefined ? undefined : weights.get(kind.codebook);
    if (codes && !codesChecked) requireFinite(readFloats(codes), "the tokenizer's codes");
    codesChecked = true;
  };
  const decoderOf = (codes: Codes): Promise<Executable> => {
    const scales = scalesOf(codes, shape);
    const graph = () => {
      if (scales === SUMS) return kind.latentDecoder!(config);
      return scales > 0 ? kind.coarseDecoder!(config, scales) : graphs.decoder();
    };
    const known = decoders.get(scales) ?? target.compile(graph(), { weights });
    decoders.set(scales, known);
    return known;
  };
  const encodeMany = async (images: readonly RgbImage[]): Promise<readonly Codes[]> => {
    if (images.length === 0) return [];
    requireOpen();
    for (const image of images) requirePicture(image, 3);
    const { width, height } = images[0]!;
    const whole = width % factor === 0 && height % factor === 0 && width > 0 && height > 0;
    if (!whole || images.some((image) => image.width !== width || image.height !== height))
      throw new UsageError(
        `images of ${width}×${height} pixels do not divide into tokens of ${factor}×${factor}, or are of different sizes`,
      );
    const grid = { height: height / factor, width: width / factor };
    if (shape.kind === 'scales' && (grid.height !== shape.sides.at(-1) || grid.width !== grid.height))
      throw new UsageError(
        `a picture of ${width}×${height} pixels: the tokenizer's scales are those of ${facts.imageSize}×${facts.imageSize}`,
      );
    requireFiniteCodes();
    encoder ??= target.compile(graphs.encoder(), { weights });
    const results = await (await encoder).run({ image: imageSignal(images) });
    requireFinite((await results.latent!.read()).data, "the tokenizer's latents");
    const { data } = await results[shape.kind === 'vectors' ? 'vectors' : 'indices']!.read();
    const deviations = (await results.deviations?.read())?.data;
    const length = codesLength(shape, grid);
    return images.map((_, index) => {
      const part = (all: HostTensor['data']) => all.slice(index * length, (index + 1) * length) as Tokens;
      return {
        ...codesOf(shape, grid, part(data)),
        ...(deviations && { deviations: part(deviations) as Float32Array }),
      };
    });
  };
  return {
    facts,
    factor,
    encode: async (image) => (await encodeMany([image]))[0]!,
    encodeMany,
    async decode(codes) {
      requireOpen();
      const fault = codesFault(shape, codes);
      if (fault !== undefined) throw new UsageError(fault);
      const { grid } = codes;
      if (strips && codes.kind === 'indices' && wholeLevels(strips.channels, grid) < strips.channels.length)
        return decodeInStrips({ target, weights, decoding: strips }, codes);
      const { image } = await (await decoderOf(codes)).run(decoderInput(codes), ['image']);
      const { data } = await image!.read();
      requireFinite(data, "the decoded picture's values");
      return signalPixels(data as Float32Array, grid.width * factor, grid.height * factor);
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      await Promise.all(
        [encoder, ...decoders.values()].map(async (executable) => (await executable)?.dispose()),
      );
    },
  };
}

/** How many scales there are of codes that are given as what their scales add up to. */
const SUMS = -1;

/** How many scales there are, where the finest are missing; 0 for whole codes. */
function scalesOf(codes: Codes, shape: CodesShape): number {
  if (shape.kind !== 'scales') return 0;
  if (codes.kind === 'vectors') return SUMS;
  return codes.kind === 'scales' && codes.sides.length < shape.sides.length ? codes.sides.length : 0;
}

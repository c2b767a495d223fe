import type { Grid } from '../../graphs/rotary.js';
import type { RgbImage } from '../data/image.js';
import { requirePicture } from '../data/pixels.js';
import { UsageError } from '../errors.js';
import { readFloats, type Weights } from '../graph/weights.js';
import { requireFinite } from '../targets/finite.js';
import { imageSignal, signalPixels } from './pixelSignal.js';
import { decodeInStrips, wholeLevels } from './stripDecoder.js';
import type { TokenizerFacts, TokenizerKind } from './tokenizerKind.js';
import { type Executable, intTensor, type Target } from '../targets/target.js';

/** Tokens of one image in raster order. */
export interface TokenImage {
  readonly tokens: Int32Array;
  readonly grid: Grid;
}

/** A tokenizer ready to run. The encoder and the decoder are compiled when first used. */
export interface Tokenizer {
  readonly facts: TokenizerFacts;
  /** Pixels of one token along each axis. */
  readonly factor: number;
  /**
   * @throws UsageError unless the image's sides are multiples of `factor`, InputError when the weights give no finite
   *   numbers.
   */
  encode(image: RgbImage): Promise<TokenImage>;
  /** Encodes images of one size together. */
  encodeMany(images: readonly RgbImage[]): Promise<readonly TokenImage[]>;
  /**
   * Large pictures are decoded strip by strip.
   * @throws UsageError when a token is outside the codebook or the grid has another number of tokens, InputError when
   *   the weights give no finite numbers.
   */
  decode(image: TokenImage): Promise<RgbImage>;
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
  const { factor } = facts;
  const graphs = kind.graphs(config);
  const strips = kind.strips(config);
  let encoder: Promise<Executable> | undefined;
  let decoder: Promise<Executable> | undefined;
  let codesChecked = false;
  let isDisposed = false;
  const requireOpen = (): void => {
    if (isDisposed) throw new UsageError('the tokenizer was disposed of: load the model again');
  };
  // No latent is near a code that is not a number, so that nothing else would tell.
  const requireFiniteCodes = (): void => {
    const codes = weights.get(kind.codebook);
    if (codes && !codesChecked) requireFinite(readFloats(codes), "the tokenizer's codes");
    codesChecked = true;
  };
  const encodeMany = async (images: readonly RgbImage[]): Promise<readonly TokenImage[]> => {
    if (images.length === 0) return [];
    requireOpen();
    for (const image of images) requirePicture(image, 3);
    const { width, height } = images[0]!;
    const whole = width % factor === 0 && height % factor === 0 && width > 0 && height > 0;
    if (!whole || images.some((image) => image.width !== width || image.height !== height))
      throw new UsageError(
        `images of ${width}×${height} pixels do not divide into tokens of ${factor}×${factor}, or are of different sizes`,
      );
    requireFiniteCodes();
    encoder ??= target.compile(graphs.encoder(), { weights });
    const { indices, latent } = await (await encoder).run({ image: imageSignal(images) }, [
      'indices',
      'latent',
    ]);
    requireFinite((await latent!.read()).data, "the tokenizer's latents");
    const { data } = await indices!.read();
    const grid = { height: height / factor, width: width / factor };
    const count = grid.height * grid.width;
    return images.map((_, index) => ({
      tokens: Int32Array.from(data.subarray(index * count, (index + 1) * count)),
      grid,
    }));
  };
  return {
    facts,
    factor,
    encode: async (image) => (await encodeMany([image]))[0]!,
    encodeMany,
    async decode({ tokens, grid }) {
      requireOpen();
      if (tokens.length !== grid.height * grid.width)
        throw new UsageError(`${tokens.length} tokens do not fill a grid of ${grid.height}×${grid.width}`);
      const outside = tokens.find((token) => token < 0 || token >= facts.codes);
      if (outside !== undefined)
        throw new UsageError(`token ${outside} is outside the codebook of ${facts.codes}`);
      if (wholeLevels(strips.channels, grid) < strips.channels.length)
        return decodeInStrips({ target, weights, decoding: strips }, { tokens, grid });
      decoder ??= target.compile(graphs.decoder(), { weights });
      const indices = intTensor([1, grid.height, grid.width], tokens);
      const { image } = await (await decoder).run({ indices }, ['image']);
      const { data } = await image!.read();
      requireFinite(data, "the decoded picture's values");
      return signalPixels(data as Float32Array, grid.width * factor, grid.height * factor);
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      await Promise.all([encoder, decoder].map(async (executable) => (await executable)?.dispose()));
    },
  };
}

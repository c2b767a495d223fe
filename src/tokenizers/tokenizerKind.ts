import type { CodesKind, CodesShape } from '../codes.js';
import type { Graph } from '../graph/graph.js';
import type { StripDecoding } from './stripDecoder.js';

/** What the rest of the program needs to know of a tokenizer's configuration. */
export interface TokenizerFacts {
  /** Pixels of one token along each axis. */
  readonly factor: number;
  readonly codes: CodesShape;
  /** Height and width of the training images in pixels. */
  readonly imageSize: number;
}

/** A kind of tokenizer: pictures ↔ codes. */
export interface TokenizerKind<Config extends object = object> {
  /** As `config.json` has it. */
  readonly name: string;
  readonly title: string;
  /** What it speaks. */
  readonly codes: CodesKind;
  /** JSON schema of the fields, named as in the official implementation, with their defaults. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Published configurations, the one of checkpoints that do not say theirs first. */
  readonly presets: Readonly<Record<string, Config>>;
  /** Tensors that official files carry beside the parameters and that nothing needs. */
  readonly ignored: readonly RegExp[];
  /** The parameter that holds the codes, where there is one. */
  readonly codebook?: string;
  /** What is wrong with fields that the schema accepts; undefined where nothing is. */
  fault(config: Config): string | undefined;
  facts(config: Config): TokenizerFacts;
  /** Its sizes in a few words. */
  describe(config: Config): string;
  /**
   * `encoder`: `image` → `latent` and, as `codes` says, `indices` or `vectors`, these with `deviations` where there are
   * some; `decoder`: the same → `image`. Indices of a grid are `[batch, height, width]`, those of scales
   * `[batch, tokens]`; vectors are `[batch, height, width, channels]`.
   */
  graphs(config: Config): { readonly encoder: () => Graph; readonly decoder: () => Graph };
  /** The decoder of indices in parts, for pictures whose maps would fill the memory. */
  strips?(config: Config): StripDecoding;
  /** The decoder of the first scales alone: `indices` → `image`. */
  coarseDecoder?(config: Config, scales: number): Graph;
}

import type { CodesKind, CodesShape } from '../codes.js';
import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/node.js';
import type { StripDecoding } from './stripDecoder.js';

/** What the rest of the program needs to know of a tokenizer's configuration. */
export interface TokenizerFacts {
  /** Pixels of one token along each axis. */
  readonly factor: number;
  readonly codes: CodesShape;
  /** Height and width of the training images in pixels. */
  readonly imageSize: number;
}

/** What the losses of a tokenizer's training count. A kind takes those that it has. */
export interface TokenizerLosses {
  /** What the difference between image and reconstruction counts: its square or its magnitude. */
  readonly reconstruction: 'l2' | 'l1';
  /** Weight of the pull of latents towards their codes. */
  readonly commitment: number;
  /** Weight of the entropy term, which asks for sure choices and an evenly used codebook. */
  readonly entropy: number;
  /** Weight of the entropy of the codes' use. */
  readonly rate: number;
  /** Weight of the distance of the latents' Gaussians from the standard one. */
  readonly divergence: number;
  /** Whether a discriminator tells reconstructions from images; its weight is then an input of the graph. */
  readonly adversarial: boolean;
  /** Feature maps `[batch, channels, height, width]` of images, in which reconstructions should look alike. */
  readonly perceptual?: { readonly features: (image: Tensor) => readonly Tensor[]; readonly weight: number };
  /**
   * Whether the images are some of a batch (default no). Then what is a mean over the batch and enters a loss otherwise than
   * by its mean is an output of the graph, `share_mean.<name>`, and an input `batch_mean.<name>` takes that of the whole batch.
   */
  readonly isShared?: boolean;
}

/** Settings of the training that not all kinds have. */
export type OwnTrainingSetting = 'entropy' | 'rate' | 'restartAfter' | 'divergence';

/** How a kind of tokenizer is trained. */
export interface TokenizerTraining<Config> {
  /** Small ones that a CPU trains, by name; `small` is among them. */
  readonly trainable: Readonly<Record<string, object>>;
  readonly settings: readonly OwnTrainingSetting[];
  /**
   * `image` of the trained size and `adversarial_weight` f32 without axes where there is a discriminator, and `noise` f32,
   * standard normal, where something is drawn → `loss`, its parts, and where codes can be restarted `indices` i32 and
   * `latents` `[batch, positions, dims]`.
   */
  graph(config: Config, losses: TokenizerLosses): Graph;
  /** Fields for images of another size in pixels. @throws UsageError where there can be none. */
  sized(fields: object, imageSize: number): object;
  /** The configuration under which vectors of this standard deviation have one of 1, which generators of vectors expect. */
  scaled?(config: Config, deviation: number): Config;
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
  /** Whether parameters of these names are of the kind; the default kind's where none says so. */
  recognise?(names: ReadonlySet<string>): boolean;
  /** Its fields among those of a generator's configuration; undefined where there are none. */
  fieldsIn?(fields: object): object | undefined;
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
  readonly training: TokenizerTraining<Config>;
  /** The decoder of indices in parts, for pictures whose maps would fill the memory. */
  strips?(config: Config): StripDecoding;
  /** The decoder of the first scales alone: `indices` → `image`. */
  coarseDecoder?(config: Config, scales: number): Graph;
  /** The decoder of what all scales add up to: `vectors` `[batch, height, width, channels]` → `image`. */
  latentDecoder?(config: Config): Graph;
}
